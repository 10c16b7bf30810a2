"""What the tables and the blobs say is held to what the audit log says."""

import re

import pytest
import sqlalchemy as sa

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.signers.local import LocalSigners
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.audit.bundle import steady
from roadbed.audit.entry import Entry, Recorded
from roadbed.audit.log import append
from roadbed.audit.sequencer import sequence
from roadbed.control import custody
from roadbed.control.claims import TABLES, claims_of
from roadbed.control.custody import check, examine
from roadbed.control.desk import Desk
from roadbed.core.clock import to_us
from roadbed.data.datasets import Datasets
from roadbed.identity.keys import create_key, revoke_key
from roadbed.identity.revocations import revoke_subject, revoke_token
from roadbed.identity.signing import Signing
from roadbed.identity.tables import keys
from roadbed.registry.runs import Input, Intent, Runs
from roadbed.registry.tables import model_versions
from roadbed.registry.versions import add_version
from roadbed.testing.fakes import FakeCatalog, FixedClock
from tests.control.stacks import ECHO, OPERATOR, endpoint, hosted, write

ME = "service-account:operator"
DOCUMENTED = "context:\n  documents: handbook"


class Room:
    """A database in which everything happened once, and the blobs beside it."""

    def __init__(self, database, folder):
        self.database = database
        self.folder = folder
        self.blobs = LocalBlobs(folder / "blobs")
        self.clock = FixedClock()
        self.now_us = to_us(self.clock.now())
        self.apply()
        self.dataset = Datasets(
            database, self.blobs, self.clock, DuckdbTables()
        ).snapshot("tumors", {"radius": [1.5, 2.5]}, ME)
        self.train()
        self.keys()

    def apply(self):
        stack = self.folder / "stack"
        (stack / "handbook").mkdir(parents=True)
        (stack / "handbook" / "page.md").write_text("An endpoint answers.")
        declared = (OPERATOR, ECHO, hosted(more=DOCUMENTED), endpoint())
        write(stack, stack="---\n".join(declared))
        desk = Desk(
            database=self.database,
            blobs=self.blobs,
            catalog=FakeCatalog(),
            clock=self.clock,
        )
        desk.apply(desk.propose(stack), ME)

    def train(self):
        runs, data = Runs(self.database, self.clock), self.dataset
        patch, lock = (self.blobs.put([x]) for x in (b"patch", b"lock"))
        used = Input(role="training", dataset="tumors", number=1, digest=data.digest)
        intent = Intent(
            name="train",
            actor=ME,
            code={"commit": "abc", "dirty": True, "patch": patch},
            environment={"python": "3.11", "lock": lock},
            data=(used,),
            params={"C": 1.0, "penalty": "l2"},
        )
        self.run = runs.start(intent).id
        artifact = self.blobs.put([b"onnx"])
        definition = {"trained": {"artifact": artifact, "run": self.run}}
        with self.database.write() as connection:
            add_version(connection, "triage", definition, ME, self.now_us, self.run)
        runs.log(self.run, {"accuracy": 0.9})
        runs.finish(self.run, "finished")
        self.open_run = runs.start(intent).id
        runs.log(self.open_run, {"accuracy": 0.5})

    def keys(self):
        with self.database.write() as connection:
            ids = [
                create_key(connection, "app", now_us=self.now_us, created_by=ME).id
                for _ in range(2)
            ]
            revoke_key(connection, ids[0], self.now_us + 1, revoked_by=ME)
            revoke_token(connection, "abc", self.now_us, revoked_by=ME)
            for later in (1, 2):
                revoke_subject(
                    connection, "agent:a", self.now_us + later, revoked_by=ME
                )
        self.revoked, self.live = ids
        signing = Signing(
            self.database, LocalSigners(self.folder / "tokens"), lambda: self.now_us
        )
        self.kid = signing.ensure()

    def forge(self, statement, **values):
        with self.database.write() as connection:
            assert connection.execute(sa.text(statement), values).rowcount == 1

    def findings(self):
        return examine(self.database, self.blobs)

    def flip(self, digest):
        file = self.blobs.path(digest)
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.chmod(0o644)
        file.write_bytes(bytes(data))


@pytest.fixture
def room(database, tmp_path):
    return Room(database, tmp_path)


def test_what_is_written_while_it_is_examined_is_no_finding(room, monkeypatch):
    read = custody._log

    def and_then(connection):
        found = read(connection)
        with room.database.write() as other:
            create_key(other, "late", now_us=room.now_us, created_by=ME)
        sequence(room.database)
        return found

    sequence(room.database)
    monkeypatch.setattr(custody, "_log", and_then)

    assert room.findings() == ()


@pytest.fixture
def small(sqlite_database, tmp_path):
    """The same over SQLite, where one engine is enough."""
    return Room(sqlite_database, tmp_path)


def test_what_was_not_touched_is_clean(room):
    assert room.findings() == ()


def test_one_forged_value_is_named_on_both_engines(room):
    room.forge("UPDATE runs SET actor = 'user:eve' WHERE id = :id", id=room.run)

    [finding] = room.findings()
    assert finding.startswith(f"run {room.run}: its actor, record differ from audit")


RUNS = [
    ("name", "other"),
    ("status", "failed"),
    ("error", "none"),
    ("code", '{"commit":"def","dirty":false,"patch":""}'),
    ("environment", '{"python":"3.12"}'),
    ("data", "[]"),
    ("params", '{"C":2,"penalty":"l2"}'),
    ("params", '{"C": 1, "penalty": "l2"}'),
    ("params", "{broken"),
    ("seed", "1"),
    ("metrics", '{"accuracy":0.99}'),
    ("metrics", '{"accuracy":"high"}'),
    ("actor", "user:eve"),
    ("started_us", 5),
    ("finished_us", 5),
]


@pytest.mark.parametrize(("column", "value"), RUNS)
def test_every_column_of_a_run_is_held_to_the_log(small, column, value):
    small.forge(f"UPDATE runs SET {column} = :v WHERE id = :id", v=value, id=small.run)

    [finding] = [f for f in small.findings() if "audit entry" in f]
    assert finding.startswith(f"run {small.run}: its ")
    assert "record" in finding


def test_a_run_under_way_is_held_to_its_beginning(small):
    forged = "UPDATE runs SET params = '{}' WHERE id = :id"
    small.forge(forged, id=small.open_run)

    [finding] = small.findings()
    assert finding.startswith(f"run {small.open_run}: its record differs from audit")


VERSIONS = [
    ("model_versions", "model = 'triage'", "actor", "user:eve", "triage@1: its actor"),
    ("model_versions", "model = 'triage'", "created_us", 5, "triage@1: its time"),
    ("model_versions", "model = 'triage'", "run_id", None, "triage@1: its run"),
    ("model_versions", "model = 'triage'", "digest", "x", "triage@1: its digest"),
    ("model_versions", "model = 'triage'", "definition", "{}", "triage@1: its defin"),
    ("model_versions", "model = 'triage'", "definition", "{", "triage@1: its defin"),
    ("dataset_versions", "true", "actor", "user:eve", "tumors@1: its actor"),
    ("dataset_versions", "true", "created_us", 5, "tumors@1: its time"),
    ("dataset_versions", "true", "digest", "sha256:0", "tumors@1: its digest"),
    ("dataset_versions", "true", "manifest", "{}", "tumors@1: its manifest"),
    ("resources", "name = 'echo'", "applied_by", "user:eve", "Provider/echo, revision"),
    ("resources", "name = 'echo'", "applied_us", 5, "Provider/echo, revision 1: its t"),
    ("resources", "name = 'echo'", "content", "{}", "Provider/echo, revision 1: its c"),
    ("resources", "name = 'echo'", "digest", "x", "Provider/echo, revision 1: its d"),
    ("resources", "name = 'echo'", "snapshot", 9, "Provider/echo, revision 1: its s"),
    ("resources", "name = 'echo'", "state", "retired", "Provider/echo, revision 1: i"),
    ("resources", "name = 'echo'", "change", "retire", "Provider/echo, revision 1: i"),
    ("snapshots", "true", "applied_by", "user:eve", "stack revision 1: its applied_by"),
    ("snapshots", "true", "applied_us", 5, "stack revision 1: its time"),
    ("snapshots", "true", "content", "{}", "stack revision 1: its content"),
    ("snapshots", "true", "digest", "x", "stack revision 1: its digest"),
    ("access_keys", "revoked_us IS NULL", "account", "operator", "key .*: its account"),
    ("access_keys", "revoked_us IS NULL", "created_by", "user:e", "key .*: its create"),
    ("access_keys", "revoked_us IS NULL", "created_us", 5, "key .*: its time"),
    ("access_keys", "revoked_us IS NULL", "expires_us", 5, "key .*: its expiry"),
    ("access_keys", "revoked_us > 0", "revoked_by", "user:e", "key .*: its revoked_by"),
    ("access_keys", "revoked_us > 0", "revoked_us", 5, "key .*: its time of revoc"),
    ("identity_signing_keys", "true", "jwk", "{}", "signing key .*: its key"),
    ("identity_signing_keys", "true", "expires_us", 5, "signing key .*: its expiry"),
    (
        "identity_signing_keys",
        "true",
        "retired_us",
        5,
        "signing key .*: no audit entry",
    ),
    ("identity_revocations", "kind = 'jti'", "revoked_us", 5, "jti abc: its time"),
    ("identity_revocations", "kind = 'subject'", "revoked_us", 5, "agent:a: its time"),
    ("identity_revocations", "kind = 'jti'", "name", "x", "jti x: no audit entry"),
]


@pytest.mark.parametrize(("table", "where", "column", "value", "named"), VERSIONS)
def test_every_column_that_is_logged_is_held_to_the_log(
    small, table, where, column, value, named
):
    small.forge(f"UPDATE {table} SET {column} = :v WHERE {where}", v=value)

    found = "\n".join(small.findings())
    assert re.search(named, found)
    assert "audit entry" in found


def test_a_key_that_came_back_to_life_is_named(small):
    forged = "UPDATE access_keys SET revoked_us = NULL, revoked_by = NULL WHERE id = :i"
    small.forge(forged, i=small.revoked)

    [finding] = small.findings()
    assert f"says key.revoke of Key/{small.revoked} by {ME}" in finding


def test_a_swapped_key_is_named_where_the_log_holds_its_digest(small):
    with steady(small.database) as connection:
        row = dict(connection.execute(sa.select(keys)).mappings().first())
    [claim, *_] = claims_of(keys, row | {"digest": "swapped"})
    detail = {"account": row["account"], "digest": row["digest"]}
    entry = Recorded(
        ME,
        "key.create",
        claim.resource,
        detail=detail,
        seq=1,
        at_us=row["created_us"],
        leaf="",
        stored_detail="",
    )

    assert claim.differences(entry) == ["digest"]


def test_a_row_that_is_gone_is_missed_by_the_log(small):
    small.forge("DELETE FROM access_keys WHERE id = :id", id=small.live)
    small.forge("DELETE FROM model_versions WHERE model = 'triage'")

    version, key = small.findings()
    assert "says model.register of Model/triage, version 1 by" in version
    assert f"says key.create of Key/{small.live} by" in key


def test_a_row_that_nobody_logged_is_named(small):
    with small.database.write() as connection:
        row = connection.execute(sa.select(model_versions)).mappings().first()
        connection.execute(model_versions.insert().values({**row, "number": 7}))

    [finding] = small.findings()
    assert finding == f"{row['model']}@7: no audit entry speaks of it"


def test_a_second_entry_cannot_reopen_a_run(small):
    forged = Entry(ME, "run.write", f"Run/{small.run}", detail={"digest": "x"})
    with small.database.write() as connection:
        append(connection, small.now_us, forged)

    assert any("changes a record that entry" in f for f in small.findings())


def test_one_flipped_byte_of_any_blob_is_named(small):
    with small.database.read() as connection:
        documents = connection.execute(
            sa.select(model_versions.c.definition).where(
                model_versions.c.model == "bot"
            )
        ).scalar_one()["hosted"]["context"]["documents"]
    for digest in (small.dataset.objects[0].digest, documents["files"][0]["digest"]):
        small.flip(digest)

    bot, tumors = small.findings()
    assert bot.startswith("bot@1: document page.md sha256:")
    assert tumors.startswith("tumors@1: object sha256:")
    assert tumors.endswith("is not what was written")


def test_every_kind_of_blob_is_read_again(small):
    for file in (small.folder / "blobs" / "sha256").rglob("*/*"):
        file.unlink()

    found = small.findings()
    whats = {f.partition(": ")[2].partition(" sha256:")[0] for f in found}
    assert all(f.endswith("is missing") for f in found)
    assert whats == {
        *("artifact", "document page.md", "lock", "manifest", "object", "patch")
    }


def test_one_row_can_be_checked_alone(small):
    sequence(small.database)
    with small.database.read() as connection:
        fine = check(connection, model_versions, model="triage", number=1)
    small.forge(
        "UPDATE audit_entries SET actor='x' WHERE action='model.register'"
        " AND resource = 'Model/triage'"
    )
    with small.database.read() as connection:
        edited = check(connection, model_versions, model="triage", number=1)

    assert fine.against == f"audit entry {fine.seq}"
    assert edited.against == ""
    assert f"triage@1: audit entry {fine.seq} was edited" in edited.findings


def test_the_tables_that_are_held_to_the_log_are_those_that_tell_of_custody():
    names = {table.name for table in TABLES}

    assert names == {
        *("access_keys", "dataset_versions", "model_versions", "resources"),
        *("runs", "segments", "snapshots", "dataset_marks"),
        *("registry_approvals", "registry_withdrawals"),
        *("identity_signing_keys", "identity_revocations"),
        *("statement_keys", "statements", "erasures", "feedback_batches"),
    }
