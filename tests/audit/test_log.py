"""Appending inside the change's transaction, searching, and signing."""

import pytest
import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.copies import read_notes
from roadbed.audit.entry import Entry
from roadbed.audit.log import AuditLog, AuditQuery, append
from roadbed.audit.merkle import root
from roadbed.audit.note import read_note, read_verifier
from roadbed.audit.outbox import logged
from roadbed.audit.signer import Signer
from roadbed.core.errors import Corrupt, NotFound, NotReady
from roadbed.database.tables import bump, current

from .conftest import Ticking, change, check, fill


def count(database, table=tables.entries):
    with database.read() as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(table)
        ).scalar()


def test_entries_are_numbered_from_one_without_a_gap(log, database):
    with database.write() as connection:
        append(connection, 1, change(1), change(2))
        append(connection, 2, change(3))
        append(connection, 3)
    found = [(e.seq, e.resource[-1]) for e in log.search(AuditQuery())]

    assert found == [(3, "3"), (2, "2"), (1, "1")]
    assert count(database, tables.outbox) == 0


def test_a_rolled_back_change_leaves_no_entry_and_no_gap(log, database):
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        bump(connection, "thing")
        append(connection, 1, change(1))
        raise ZeroDivisionError
    with database.write() as connection:
        append(connection, 2, change(2))

    assert [entry.seq for entry in log.search(AuditQuery())] == [1]
    with database.read() as connection:
        assert current(connection, "thing") == 0


def test_a_searcher_finds_by_every_field_newest_first(log):
    log.record(change(1), change(2), Entry("user:eve", "key.list", "Key/*", "denied"))

    def found(**wanted):
        return [entry.seq for entry in log.search(AuditQuery(**wanted))]

    assert found() == [3, 2, 1]
    assert found(limit=2) == [3, 2]
    assert found(before_seq=3, limit=1) == [2]
    assert found(actor="user:eve") == found(outcome="denied") == [3]
    assert found(action="stack.apply") == [2, 1]
    assert found(resource="Endpoint/e1") == [1]
    assert found(actor="' OR 1=1 --") == []


def test_an_entry_comes_back_as_it_was_written(log):
    log.record(change(1, weight=3, note="für\N{SNOWMAN}"))

    entry = log.get(1)
    assert (entry.actor, entry.action) == ("service-account:ci", "stack.apply")
    assert entry.detail == {"weight": 3, "note": "für\N{SNOWMAN}"}
    assert entry.leaf == entry.computed().hex()
    with pytest.raises(NotFound):
        log.get(2)


def test_a_checkpoint_is_signed_over_all_entries_and_copied_out(log, signer, copies):
    fill(log, entries=5, every=9)
    signed = log.checkpoint()

    leaves = [entry.computed() for entry in reversed(log.search(AuditQuery()))]
    assert signed.size == 5
    assert signed.root == root(leaves)
    assert read_notes(copies) == [signed.note]
    assert read_note(signed.note).signed_by(read_verifier(signer.public_key))


def test_nothing_new_is_signed_until_the_log_grows(log, copies):
    assert log.checkpoint() is None
    log.record(change(1))
    assert log.checkpoint().size == 1
    assert log.checkpoint() is None
    log.record(change(2))

    assert log.checkpoint().size == 2
    assert len(read_notes(copies)) == 2


def test_a_shortened_log_is_never_signed(small, sqlite_database):
    fill(small, entries=4, every=4)
    with sqlite_database.write() as connection:
        connection.execute(tables.entries.delete())
        connection.execute(tables.checkpoints.delete())
        connection.execute(tables.tree.delete())
    small.record(change(9))

    with pytest.raises(Corrupt, match="has 1 entries, but a checkpoint over 4"):
        small.checkpoint()


def test_a_log_restored_and_regrown_is_never_signed(small, sqlite_database):
    fill(small, entries=2, every=1)
    with sqlite_database.write() as connection:
        connection.execute(tables.entries.delete())
        connection.execute(tables.checkpoints.delete())
        connection.execute(tables.tree.delete())
    small.record(change(7), change(8), change(9))

    with pytest.raises(Corrupt, match="first 2 audit entries are not those"):
        small.checkpoint()


def test_a_rewritten_hash_is_never_signed(small, sqlite_database):
    fill(small, entries=3, every=2)
    with sqlite_database.write() as connection:
        table = tables.entries
        forged = table.update().where(table.c.seq == 3).values(leaf="00" * 32)
        connection.execute(forged)

    with pytest.raises(Corrupt, match="after entry 2 is not what was appended"):
        small.checkpoint()


def test_what_cannot_be_copied_out_is_not_signed(small, sqlite_database, copies):
    copies.write_text("in the way")
    small.record(change(1))

    with pytest.raises(NotReady):
        small.checkpoint()
    assert count(sqlite_database, tables.checkpoints) == 0


def test_two_replicas_with_keys_of_their_own_sign_in_turn(database, tmp_path, signer):
    other = Signer.load_or_create(tmp_path / "other.key")
    one = AuditLog(database, signer, Ticking(), tmp_path / "one")
    two = AuditLog(database, other, Ticking(), tmp_path / "two")
    sizes = []
    for log in (one, two, one, two):
        log.record(change(1))
        sizes.append(log.checkpoint().size)

    assert sizes == [1, 2, 3, 4]


def test_a_crash_between_the_copy_and_the_commit_harms_nothing(
    log, database, signer, copies
):
    fill(log, entries=4, every=2)
    with database.write() as connection:
        table = tables.checkpoints
        connection.execute(table.delete().where(table.c.size == 4))
    log.record(change(5))
    signed = log.checkpoint()

    assert signed.size == 5
    assert check(database, copies, signer).verified


@pytest.mark.parametrize("nodes", [["zz"], [7], 7])
def test_a_damaged_tree_takes_no_more_entries_and_loses_none(
    small, sqlite_database, nodes
):
    small.record(change(1))
    small.checkpoint()
    with sqlite_database.write() as connection:
        connection.execute(tables.tree.update().values(nodes=nodes))
    small.record(change(2))

    with pytest.raises(Corrupt, match="tree of the audit log is damaged"):
        small.checkpoint()
    assert [entry.seq for entry in small.search(AuditQuery())] == [1]
    assert count(sqlite_database, tables.outbox) == 1


def test_an_entry_that_waits_is_found_with_the_place_it_will_get(log, database):
    log.record(change(1))
    log.search(AuditQuery())
    log.record(change(2), change(3))
    with database.read() as connection:
        waiting = logged(connection, lambda c: (c.resource == "Endpoint/e3",))
        everything = logged(connection, lambda _: ())

    assert [entry.seq for entry in everything] == [1, 2, 3]
    assert waiting == [log.get(3)]


def test_what_was_damaged_while_it_waited_says_so_and_stops_nothing(log, database):
    log.record(change(1), change(2))
    with database.write() as connection:
        first = tables.outbox.c.resource == "Endpoint/e1"
        connection.execute(tables.outbox.update().where(first).values(detail="{"))

    assert log.get(1).detail == {"unreadable": "{"}
    assert log.get(2).detail == {}
    assert log.get(1).computed().hex() == log.get(1).leaf
