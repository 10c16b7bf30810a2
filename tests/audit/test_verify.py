"""Offline verification: everything that was done to the log has a name."""

import base64
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit import tables
from roadbed.audit.bundle import Bundle, no_tiles, opened
from roadbed.audit.copies import FILE, read_copy
from roadbed.audit.entry import Entry
from roadbed.audit.log import AuditLog
from roadbed.audit.merkle import EMPTY
from roadbed.audit.rows import nodes_of
from roadbed.audit.signer import Signer
from roadbed.audit.verify import verify, verify_database
from roadbed.core.errors import Corrupt, Invalid
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata

from .conftest import Ticking, change, fill

ROWS = tables.entries


@pytest.fixture
def check(small, sqlite_database, signer, copies):
    """Fill a log of 42 entries, let *tamper* happen, and return the report."""

    def run(tamper, *, entries=42, every=7):
        fill(small, entries=entries, every=every)
        with sqlite_database.write() as connection:
            tamper(connection)
        return verify_database(sqlite_database, copies, signer.public_key)

    return run


def loaded(database, copies):
    """Return the log as a bundle that outlives its connection."""
    with opened(database, copies) as bundle:
        return replace(bundle, leaves=tuple(bundle.leaves), tile=no_tiles)


def edit(seq, **values):
    return lambda c: c.execute(ROWS.update().where(ROWS.c.seq == seq).values(**values))


def cut(connection, after):
    connection.execute(ROWS.delete().where(ROWS.c.seq > after))


def test_an_untouched_log_is_verified(log, database, signer, copies):
    fill(log, entries=12, every=5)
    log.checkpoint()

    report = verify_database(database, copies, signer.public_key)
    assert report.verified
    assert (report.size, report.covered, report.checkpoints) == (12, 12, 3)
    assert report.lines()[0] == "audit: verified"
    assert report.lines()[2].endswith("over 12 entries")


def test_newer_entries_than_the_last_checkpoint_are_pointed_out(check):
    report = check(lambda c: None, entries=44)

    assert report.verified
    assert report.remarks == (
        "entries 43\N{EN DASH}44 are newer than the last checkpoint",
    )


@pytest.mark.parametrize(
    "values",
    [
        {"actor": "service-account:cj"},
        {"outcome": "denied"},
        {"at_us": 5},
        {"detail": {"weight": 18}},
    ],
)
def test_one_edited_value_is_named(check, values):
    report = check(edit(17, **values))

    assert not report.verified
    assert report.findings == ("entry 17 was edited",)


@pytest.mark.parametrize("leaf", ["00" * 32, "", "zz", "\x00"])
def test_an_edited_hash_is_told_from_an_edited_entry(check, leaf):
    report = check(edit(17, leaf=leaf))

    assert report.findings == ("the hash that is kept of entry 17 was edited",)


@pytest.mark.parametrize("detail", ['{"weight": 17}', '{"weight":17', "", "[]", "\x00"])
def test_one_edited_byte_of_a_detail_is_named(check, detail):
    text = sa.text("UPDATE audit_entries SET detail = :d WHERE seq = 17")

    report = check(lambda c: c.execute(text, {"d": detail}))
    assert report.findings == ("entry 17 was edited",)


def test_a_byte_that_is_no_text_at_all_is_named(check):
    text = sa.text(
        "UPDATE audit_entries SET actor = CAST(x'ff61' AS TEXT) WHERE seq=17"
    )

    report = check(lambda c: c.execute(text))
    assert report.findings == ("entry 17 was edited",)


def test_an_edit_with_its_hash_made_to_fit_is_narrowed_down(check):
    forged = Entry("user:eve", "stack.apply", "Endpoint/e17")
    values = {"actor": forged.actor, "leaf": forged.hash_at(17, 1).hex(), "at_us": 1}

    report = check(edit(17, **values, detail={}))
    assert report.findings[0].startswith(
        "entries 15\N{EN DASH}21 are not what was signed: the checkpoint of 2026-11-20"
    )
    assert len(report.findings) == 1


def test_two_edits_of_different_kinds_are_both_named(check):
    def tamper(connection):
        edit(3, actor="x")(connection)
        edit(40, leaf="11" * 32)(connection)

    report = check(tamper)
    assert report.findings == (
        "entry 3 was edited",
        "the hash that is kept of entry 40 was edited",
    )


def test_a_missing_tail_is_named_with_the_checkpoint_that_saw_it(check):
    report = check(lambda c: cut(c, 40))

    assert not report.verified
    [finding] = report.findings
    assert finding.startswith("the log has 40 entries, but a checkpoint of 2026-11-20T")
    assert finding.endswith("was signed over 42: entries 41\N{EN DASH}42 are missing")


def test_a_missing_tail_is_named_although_the_database_forgot_its_checkpoints(
    check, small
):
    def tamper(connection):
        cut(connection, 35)
        rows = connection.execute(sa.select(ROWS.c.leaf).order_by(ROWS.c.seq))

        tree = EMPTY.append(*(bytes.fromhex(leaf) for leaf in rows.scalars()))
        connection.execute(tables.tree.update().values(size=35, nodes=nodes_of(tree)))
        connection.execute(tables.checkpoints.delete().where(sa.text("size > 35")))

    [finding] = check(tamper).findings
    assert "signed over 42: entries 36\N{EN DASH}42 are missing; the data" in finding
    assert finding.endswith("or its end was removed with the checkpoints")
    small.record(change(1))
    with pytest.raises(Corrupt, match="has 36 entries, but a checkpoint over 42"):
        small.checkpoint()


def test_a_tail_that_no_checkpoint_covers_is_missed_by_the_tree(check):
    report = check(lambda c: cut(c, 42), entries=44)

    assert report.findings == (
        "entries 43\N{EN DASH}44 are missing: the tree counts 44",
    )


def test_a_rewritten_tail_that_no_checkpoint_covers_is_noticed(check):
    forged = Entry("user:eve", "stack.apply", "Endpoint/e44").hash_at(44, 9).hex()

    report = check(
        edit(44, actor="user:eve", at_us=9, detail={}, leaf=forged), entries=44
    )
    assert report.findings == ("the tree after entry 42 is not that of the entries",)


@pytest.mark.parametrize(("seq", "named"), [(1, "entry 1 is"), (18, "entry 18 is")])
def test_a_missing_entry_in_the_middle_is_named(check, seq, named):
    report = check(lambda c: c.execute(ROWS.delete().where(ROWS.c.seq == seq)))

    assert report.findings == (f"{named} missing",)


def test_a_row_that_nobody_appended_is_named(check):
    def tamper(connection):
        row = {"at_us": 1, "actor": "a", "action": "b", "resource": "c"}
        leaf = Entry("a", "b", "c").hash_at(43, 1).hex()
        extra = ROWS.insert().values(
            seq=43, outcome="done", detail={}, leaf=leaf, **row
        )
        connection.execute(extra)

    report = check(tamper)
    assert report.findings == ("entry 43 is not in the tree: nobody logged that",)


def test_a_renumbered_log_is_named(check):
    def tamper(connection):
        connection.execute(ROWS.delete().where(ROWS.c.seq == 42))
        connection.execute(ROWS.update().where(ROWS.c.seq == 41).values(seq=42))

    assert check(tamper).findings[0] == "entry 41 is missing"


def test_a_forged_signature_is_named(check, copies):
    def tamper(_connection):
        file = copies / FILE
        head, _, signature = file.read_text().rstrip().rpartition(" ")
        raw = bytearray(base64.b64decode(signature))
        raw[-1] ^= 1
        file.write_text(head + " " + base64.b64encode(raw).decode() + "\n\n")

    forged, missing = check(tamper).findings
    assert forged == "1 of the checkpoints in the copy is not signed by this log's key"
    assert missing.startswith("1 of 6 checkpoints is missing in the copy")


def test_a_checkpoint_with_an_edited_size_is_named(check):
    swap = sa.text(
        "UPDATE audit_checkpoints SET note = replace(note, '\n42\n', '\n40\n')"
    )

    report = check(lambda c: c.execute(swap))
    assert report.findings == (
        "1 of the checkpoints in the database is not signed by this log's key",
    )


def test_another_key_vouches_for_nothing(check, tmp_path, sqlite_database, copies):
    check(lambda c: None)
    other = Signer.load_or_create(tmp_path / "other.key")

    report = verify_database(sqlite_database, copies, other.public_key)
    assert not report.verified
    assert report.checkpoints == 0
    assert "no checkpoint vouches for the 42 entries" in report.findings


def test_a_log_without_any_checkpoint_is_not_verified(check, copies):
    report = check(lambda c: None, entries=3, every=9)

    assert report.findings == ("no checkpoint vouches for the 3 entries",)


def test_a_fork_is_named_with_both_checkpoints(
    small, sqlite_database, signer, tmp_path
):
    fill(small, entries=4, every=4)
    kept = loaded(sqlite_database, tmp_path / "none")
    with sqlite_database.write() as connection:
        for table in (tables.entries, tables.checkpoints, tables.tree):
            connection.execute(table.delete())
    forked = AuditLog(sqlite_database, signer, Ticking(), tmp_path / "elsewhere")
    forked.record(*(change(n + 100) for n in range(4)))
    forked.checkpoint()
    bundle = loaded(sqlite_database, tmp_path / "elsewhere")

    assert verify(bundle, signer.public_key).verified
    report = verify(bundle.with_note("auditor", kept.notes[0][1]), signer.public_key)
    assert len(report.findings) == 1
    assert report.findings[0].startswith("the log was forked: the checkpoint of ")


def test_several_keys_may_have_signed_one_log(database, signer, tmp_path):
    other = Signer.load_or_create(tmp_path / "other.key")
    for number, key in enumerate((signer, other, signer)):
        log = AuditLog(database, key, Ticking(), tmp_path / "copies")
        log.record(change(number))
        log.checkpoint()
    bundle = loaded(database, tmp_path / "copies")

    assert verify(bundle, f"{signer.public_key}\n{other.public_key}\n").verified
    assert not verify(bundle, signer.public_key).verified


def overwrite(data):
    return lambda file: file.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "count"),
    [
        (lambda file: file.unlink(), "6 of 6 checkpoints are"),
        (overwrite(b""), "6 of 6 checkpoints are"),
        (overwrite(b"\n\n"), "6 of 6 checkpoints are"),
        (overwrite(bytes(range(256)) * 8), "6 of 6 checkpoints are"),
        (
            lambda file: overwrite(file.read_bytes()[:-400])(file),
            "2 of 6 checkpoints are",
        ),
    ],
    ids=["removed", "emptied", "blank", "noise", "cut"],
)
def test_a_copy_that_is_gone_or_damaged_is_a_finding(check, copies, damage, count):
    report = check(lambda _: damage(copies / FILE))

    assert not report.verified
    assert report.findings[-1].startswith(f"{count} missing in the copy outside")


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A bundle, the key that signed it, and the folder of its copy."""
    folder = tmp_path_factory.mktemp("copied")
    database = open_database(f"sqlite:///{folder / 'control.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    signer = Signer.load_or_create(folder / "audit.key")
    fill(AuditLog(database, signer, Ticking(), folder), entries=9, every=3)
    bundle = loaded(database, folder)
    database.close()
    return bundle, signer.public_key, folder


def with_copy(copied, data, folder):
    """Return the report on the bundle with *data* for its copy."""
    bundle, key, _ = copied
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(data)
    stored = tuple(note for note in bundle.notes if note[0] == "database")
    notes = (*stored, *(("copy", note) for note in read_copy(folder)))
    return verify(replace(bundle, notes=notes), key)


@settings(max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_flipped_byte_of_the_copy_is_a_finding(copied, place, flip):
    data = bytearray((copied[2] / FILE).read_bytes())
    data[int(place * len(data))] ^= flip

    assert not with_copy(copied, bytes(data), copied[2] / "flipped").verified


@settings(max_examples=100)
@given(st.integers(1, 400))
def test_what_a_crash_tore_off_is_only_remarked_upon(copied, cut):
    bundle, _, folder = copied
    signed = [note for source, note in bundle.notes if source == "copy"][-1]
    torn = signed.encode()[: min(cut, len(signed.encode()) - 2)]
    whole = (folder / FILE).read_bytes()

    for data in (whole + torn, whole + torn + b"\n\n" + whole):
        report = with_copy(copied, data, folder / "torn")
        assert report.verified, report.findings
        assert report.remarks[0].startswith("1 note was torn by a crash")


def test_what_nobody_appended_to_the_copy_is_a_finding(copied):
    whole = (copied[2] / FILE).read_bytes()

    report = with_copy(copied, whole + b"nothing of ours\n", copied[2] / "more")
    assert report.findings == (
        "the copy was damaged: 1 of the pieces in it is no checkpoint",
    )


def test_what_is_no_key_cannot_verify():
    with pytest.raises(Invalid):
        verify(Bundle(leaves=()), "ssh-ed25519 AAAA")


def test_every_single_entry_edit_is_found_wherever_it_is(log, database, signer, copies):
    fill(log, entries=9, every=3)
    bundle = loaded(database, copies)
    for index, leaf in enumerate(bundle.leaves):
        edited = replace(leaf, data=leaf.data + b" ")
        leaves = (*bundle.leaves[:index], edited, *bundle.leaves[index + 1 :])

        report = verify(replace(bundle, leaves=leaves), signer.public_key)
        assert report.findings == (f"entry {index + 1} was edited",)
