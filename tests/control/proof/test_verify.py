"""Every hop is hashed again; what is not what it was is named, and nothing else."""

import pytest
import sqlalchemy as sa

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.signers.local import LocalSigners
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.audit.log import AuditLog
from roadbed.audit.signer import Signer
from roadbed.control.proof.link import worst
from roadbed.control.proof.prover import Prover
from roadbed.control.proof.version import Walk
from roadbed.core.errors import Conflict, NotFound, Unavailable
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import Datasets
from roadbed.data.erasure.erasures import Erasure, record_erasure
from roadbed.data.sources import Wish
from roadbed.registry.approvals import approve
from roadbed.registry.proof.notary import Notary, find_sealed
from roadbed.registry.runs import Input, Intent, Runs, get_run
from roadbed.registry.versions import ON_VERSION, add_version, get_version
from roadbed.testing.fakes import FixedClock
from tests.control.test_custody import ME, Room

REF = VersionRef("triage", 1)
CHILD = VersionRef("triage", 2)


class Sealing(Room):
    """A room whose versions are sealed as they are made, and walked."""

    def __init__(self, database, folder):
        self.signers = LocalSigners(folder / "statements")
        self.keep(database, folder)
        super().__init__(database, folder)
        (folder / "audit").mkdir()
        signer = Signer.load_or_create(folder / "audit" / "key.pem")
        log = AuditLog(database, signer, self.clock, folder / "audit")
        self.prover = Prover(
            database=database,
            blobs=self.blobs,
            log=log,
            calls=None,
            notary=self.notary,
        )

    def keep(self, database, folder):
        self.notary = Notary(LocalBlobs(folder / "blobs"), self.signers, FixedClock())
        database.carry(**{ON_VERSION: self.notary})

    def walk(self, ref=REF):
        return self.prover.version(ref)

    def bad(self, ref=REF):
        """Return the hops that are not verified."""
        return [x for x in self.walk(ref).links if x.state != "VERIFIED"]

    def go_on(self, data=None):
        """Make a version that goes on from the first, in a run that read *data*."""
        run = self.run if data is None else self.ran_on(data)
        definition = {
            "trained": {
                "artifact": self.blobs.put([b"onnx two"]),
                "format": "onnx",
                "run": run,
                "parent": str(REF),
            }
        }
        with self.database.write() as connection:
            add_version(connection, "triage", definition, ME, self.now_us, run)

    def ran_on(self, data):
        """Return the id of a run that read *data*, and has ended."""
        runs = Runs(self.database, self.clock)
        used = Input(
            role="training", dataset=data.name, number=data.number, digest=data.digest
        )
        made = runs.start(
            Intent(
                name="train",
                actor=ME,
                code={"commit": "c" * 40},
                environment={},
                data=(used,),
            )
        )
        return runs.finish(made.id, "finished").id

    def version(self):
        with self.database.read() as connection:
            return get_version(connection, REF)

    def sealed(self):
        with self.database.read() as connection:
            return find_sealed(connection, "triage", 1)


@pytest.fixture
def room(sqlite_database, tmp_path):
    return Sealing(sqlite_database, tmp_path)


def test_an_untouched_chain_is_verified_to_its_sources(room):
    whole = room.walk()

    assert whole.state == "VERIFIED", room.bad()
    assert [link.kind for link in whole.links] == [
        *("Model version", "Statement", "Artifact", "Run", "Code"),
        *("Patch", "Environment lock", "Dataset version", "Manifest", "Object"),
    ]


def test_the_tables_and_the_log_agree_on_what_was_sealed(room):
    assert room.findings() == ()


def test_it_works_on_both_engines(database, tmp_path):
    assert Sealing(database, tmp_path).walk().state == "VERIFIED"


def test_a_hosted_version_is_as_good_as_a_name_can_be(room):
    found = room.prover.version(VersionRef("bot", 1))

    [upstream] = [x for x in found.links if x.state != "VERIFIED"]
    assert (upstream.kind, upstream.state) == ("Upstream", "UNSEALED")
    assert "Document" in {link.kind for link in found.links}


def test_the_walk_goes_on_to_the_parents(room):
    room.go_on()
    room.flip(room.version().body["artifact"])

    [broken] = room.bad(CHILD)
    assert (broken.kind, broken.name) == ("Artifact", "triage@1 model.bin")


def test_the_walk_goes_on_to_what_the_data_was_made_of(room):
    """Data that was derived, from data that a run made: down to their files."""
    tables = DuckdbTables()
    keep = Datasets(room.database, room.blobs, room.clock, tables).snapshot
    raw = keep("raw", {"x": [1.0, 3.0]}, ME)
    made = Wish(run_id=room.ran_on(raw))
    clean = keep("clean", {"x": [1.0, 2.0]}, ME, made)
    joined = keep("joined", {"x": [1.0, 2.5]}, ME, Wish(parents=("clean@1",)))
    room.go_on(data=joined)
    assert room.bad(CHILD) == []

    for version in (raw, clean, joined):
        file = room.blobs.path(version.objects[0].digest)
        before = file.read_bytes()
        room.flip(version.objects[0].digest)

        [broken] = room.bad(CHILD)
        assert (broken.kind, broken.name) == ("Object", f"{version} 1 of 1")
        file.write_bytes(before)
    room.forge(
        "UPDATE dataset_versions SET parents = '[\"nonsense\"]' WHERE name = 'joined'"
    )
    assert [(x.kind, x.name) for x in room.bad(CHILD)] == [
        ("Dataset version", "joined@1")
    ]


def flips(room):
    version = room.version()
    with room.database.read() as connection:
        run = get_run(connection, room.run)
    yield "Artifact", version.body["artifact"]
    yield "Statement", room.sealed().digest
    yield "Patch", run.code["patch"]
    yield "Environment lock", run.environment["lock"]
    yield "Manifest", room.dataset.digest
    yield "Object", room.dataset.objects[0].digest


def test_one_flipped_byte_is_named_wherever_it_is(room):
    for kind, digest in list(flips(room)):
        file = room.blobs.path(digest)
        before = file.read_bytes()
        room.flip(digest)

        [broken] = room.bad()
        assert (broken.kind, broken.state, broken.digest) == (kind, "BROKEN", digest)
        assert broken.reason == "is not what was written"
        file.write_bytes(before)


FORGED = [
    ("model_versions", "actor", "user:eve", "model = 'triage'", "Model version"),
    ("model_versions", "definition", "{}", "model = 'triage'", "Model version"),
    ("runs", "actor", "user:eve", "status = 'finished'", "Run"),
    ("dataset_versions", "actor", "user:eve", "true", "Dataset version"),
    ("dataset_versions", "manifest", "{}", "true", "Dataset version"),
    ("statements", "kid", "other", "model = 'triage'", "Statement"),
    ("statement_keys", "jwk", "{}", "true", "Statement"),
    ("audit_entries", "actor", "x", "action = 'statement.sign'", "Statement"),
]


def test_one_forged_value_is_named_wherever_it_is(room):
    room.walk()
    for table, column, value, where, kind in FORGED:
        with room.database.read() as connection:
            query = f"SELECT {column} FROM {table} WHERE {where}"
            before = connection.execute(sa.text(query)).scalar()
        change = sa.text(f"UPDATE {table} SET {column} = :v WHERE {where}")
        with room.database.write() as connection:
            connection.execute(change, {"v": value})

        named = [x.kind for x in room.bad() if x.state == "BROKEN"]
        assert kind in named, (table, column)
        with room.database.write() as connection:
            connection.execute(change, {"v": before})
    assert room.bad() == []


def test_a_statement_of_another_version_is_not_taken(room):
    """Whoever swaps a row and its log entry still has nothing that was signed."""
    room.go_on()
    with room.database.read() as connection:
        other = find_sealed(connection, "triage", 2)
    reason = room_says(room, other)

    assert "its subjects are not the artifacts" in reason
    assert "names parent triage@1, which the record does not" in reason


def room_says(room, sealed):
    return Walk(room.prover._sources())._unsaid(room.version(), sealed)


def test_an_old_version_is_unsealed_until_a_chore_comes(room):
    room.database.carry(**{ON_VERSION: lambda connection, version: None})
    room.go_on()
    assert [x.state for x in room.bad(CHILD)] == ["UNSEALED"]

    assert room.prover.seal_rest() == 1
    assert room.prover.seal_rest() == 0
    assert room.bad(CHILD) == []
    assert room.findings() == ()


def test_a_statement_that_was_taken_away_is_not_merely_unsealed(room):
    room.forge("DELETE FROM statements WHERE model = 'triage'")

    [statement] = room.bad()
    assert statement.state == "BROKEN"
    assert "says that one was signed" in statement.reason


def test_a_version_is_made_though_its_key_cannot_sign(room):
    class Away(LocalSigners):
        def sign(self, kid, data):
            raise Unavailable("the key store is away")

    notary = Notary(room.blobs, Away(room.folder / "statements"), room.clock)
    room.database.carry(**{ON_VERSION: notary})
    room.go_on()

    [statement] = room.bad(CHILD)
    assert (statement.kind, statement.state) == ("Statement", "UNSEALED")


def test_no_private_key_is_among_the_blobs(room):
    held = b"".join(
        f.read_bytes() for f in (room.folder / "blobs").rglob("*") if f.is_file()
    )

    assert b"PRIVATE" not in held
    assert list((room.folder / "statements").glob("*.pem"))


def erase(room, digest, *, remove=True):
    made = Erasure(digest=digest, reason="a request", actor=ME, at_us=room.now_us)
    with room.database.write() as connection:
        record_erasure(connection, made)
    if remove:
        room.blobs.path(digest).unlink()


def test_what_is_erased_leaves_custody_intact(room):
    erase(room, room.dataset.objects[0].digest)

    [gone] = room.bad()
    assert (gone.kind, gone.state) == ("Object", "ERASED")
    assert gone.reason == f"erased by {ME}: a request"
    assert room.walk().state == "ERASED"
    assert room.findings() == ()


def test_what_was_said_to_be_erased_and_is_still_here_is_named(room):
    erase(room, room.dataset.objects[0].digest, remove=False)

    assert [x.reason for x in room.bad()] == [
        "was erased, and its bytes are still here"
    ]
    assert len(room.findings()) == 1


def test_a_tombstone_that_nobody_logged_hides_nothing(room):
    digest = room.dataset.objects[0].digest
    room.blobs.path(digest).unlink()
    with room.database.write() as connection:
        values = {"d": digest}
        sql = "INSERT INTO erasures VALUES (:d, 'none', 'user:eve', 1)"
        connection.execute(sa.text(sql), values)

    assert any("no audit entry speaks of it" in x for x in room.findings())
    assert [x.state for x in room.bad()] == ["BROKEN"]


def test_nothing_is_erased_twice(room):
    digest = room.dataset.objects[0].digest
    erase(room, digest)

    with pytest.raises(Conflict):
        erase(room, digest, remove=False)


def test_an_approval_is_a_hop_too(room):
    with room.database.write() as connection:
        approve(connection, REF, "user:okta/ada", "looks right", room.now_us)
    room.forge("UPDATE registry_approvals SET reason = 'other'")

    [broken] = room.bad()
    assert (broken.kind, broken.name) == ("Approval", "triage@1 by user:okta/ada")


def test_what_does_not_exist_is_not_found(room):
    with pytest.raises(NotFound):
        room.walk(VersionRef("triage", 9))


def test_a_chain_stands_as_its_worst_hop_does():
    assert worst(["VERIFIED", "ERASED"]) == "ERASED"
    assert worst(["BROKEN", "UNSEALED", "VERIFIED"]) == "BROKEN"
    assert worst([]) == "UNSEALED"


def test_a_new_key_signs_from_now_on_and_the_old_statement_holds(room):
    old = room.sealed().kid
    room.notary._clock.advance(days=1)
    new = room.notary.rotate(room.database, ME)
    room.go_on()
    with room.database.read() as connection:
        signed = find_sealed(connection, "triage", 2)

    assert signed.kid == new != old
    assert room.signers.holds(new)
    assert not room.signers.holds(old)
    assert room.walk(CHILD).state == "VERIFIED", room.bad(CHILD)
    assert room.findings() == ()
