"""Sealing can be stopped anywhere and done again."""

import pytest
from sqlalchemy import select

from roadbed.audit.sequencer import sequence
from roadbed.audit.tables import entries
from roadbed.core.errors import Corrupt, NotReady
from roadbed.gateway.history import CallQuery
from roadbed.gateway.reader import SpoolReader
from roadbed.gateway.seal import Sealer
from roadbed.gateway.segments import segments_between, segments_of
from roadbed.testing.history_contract import NOON_US, a_call, a_record

HOUR_US = 3_600_000_000


def catalog(yard):
    with yard.database.read() as connection:
        return segments_between(connection, None, None)


def entries_of(yard):
    sequence(yard.database)
    with yard.database.read() as connection:
        return connection.execute(select(entries)).all()


def test_a_spool_becomes_files_a_row_and_an_entry(both_yards):
    yard = both_yards
    (segment,) = yard.sealer.seal(yard.spool(a_call(1), a_call(2)))
    (entry,) = entries_of(yard)

    assert (segment.rows, segment.calls.rows, segment.payloads.rows) == (2, 2, 2)
    assert segment.calls.path == (
        f"calls/region=local/day=2026-11-21/hour=12/{segment.id}.parquet"
    )
    assert (entry.action, entry.resource) == ("calls.seal", f"Segment/{segment.id}")
    assert entry.seq == catalog(yard)[0].audit_seq == 1
    assert entry.detail["root"] == segment.root
    assert entry.detail["files"]["calls"]["sha256"] == segment.calls.sha256
    assert (yard.left(), catalog(yard)) == ([], [segment])


def test_hours_and_regions_become_segments_of_their_own(both_yards):
    yard = both_yards
    late = a_record(3, ts=NOON_US + HOUR_US)
    far = a_record(4, region="eu")
    spool = yard.spool(a_call(1), a_call(2), (late, None), (far, None))
    made = yard.sealer.seal(spool)

    assert [(s.region, s.hour, s.rows) for s in made] == [
        ("eu", 12, 1),
        ("local", 12, 2),
        ("local", 13, 1),
    ]
    assert [s.payloads is None for s in made] == [True, False, True]
    assert len({s.id for s in made}) == len(entries_of(yard)) == 3
    assert {s.audit_seq for s in catalog(yard)} == {1, 2, 3}


def test_a_crash_after_the_files_is_repeated(yard):
    spool = yard.spool(a_call(1), a_call(2))
    with SpoolReader(spool) as reader:
        yard.sealer.write(reader)
    (segment,) = yard.sealer.seal(spool)

    assert (len(catalog(yard)), len(entries_of(yard))) == (1, 1)
    assert len(list(yard.root.rglob("*.parquet"))) == 2
    assert yard.log.verify_segment(segment.id) == ()


def test_a_crash_after_the_transaction_is_repeated(both_yards):
    yard = both_yards
    spool = yard.spool(a_call(1), a_call(2))
    with SpoolReader(spool) as reader:
        before = yard.sealer.publish(yard.sealer.write(reader))
    after = yard.sealer.seal(spool)

    assert after == before
    assert (len(catalog(yard)), len(entries_of(yard)), yard.left()) == (1, 1, [])
    assert len(yard.log.search(CallQuery())) == 2


def test_a_crash_while_the_spool_is_removed_is_repeated(yard):
    spool = yard.spool(a_call(1))
    yard.sealer.seal(spool)
    spool.with_name(spool.name + "-wal").write_bytes(b"left over")
    yard.adopter.adopt()

    assert (yard.left(), len(catalog(yard))) == ([], 1)


def test_two_who_publish_the_same_spool_make_one_segment(both_yards):
    yard = both_yards
    with SpoolReader(yard.spool(a_call(1))) as reader:
        drafts = yard.sealer.write(reader)
    first, second = yard.sealer.publish(drafts), yard.sealer.publish(drafts)

    assert first == second
    assert len(entries_of(yard)) == 1


def test_what_was_said_is_for_the_owner_only(yard):
    yard.sealed(1)
    recorder = yard.recorder()
    yard.spools.rmdir()
    recorder.start()
    recorder.close()
    modes = [folder.stat().st_mode & 0o077 for folder in (yard.root, yard.spools)]

    assert modes == [0, 0]


def test_a_spool_without_calls_leaves_nothing(yard):
    assert yard.sealer.seal(yard.spool()) == []
    assert (yard.left(), catalog(yard), entries_of(yard)) == ([], [], [])


def test_a_spool_with_more_calls_than_were_sealed_is_kept(yard):
    yard.sealer.seal(yard.spool(a_call(1)))
    spool = yard.spool(a_call(1), a_call(2))

    with pytest.raises(Corrupt, match="has 2 calls, but 1"):
        yard.sealer.seal(spool)
    assert spool.exists()


def test_a_history_that_cannot_be_written_keeps_the_spool(yard):
    spool = yard.spool(a_call(1))
    (yard.state / "history").write_text("a file where a folder belongs")

    with pytest.raises(OSError, match="history"):
        yard.sealer.seal(spool)
    assert spool.exists()
    assert catalog(yard) == []


class Forgetful:
    """A history that writes fewer rows than it was given."""

    def write(self, dataset, lines, target):
        target.write_bytes(b"")
        return sum(1 for _ in lines) - 1


def test_a_history_that_loses_rows_is_noticed(yard):
    spool = yard.spool(a_call(1))
    sealer = Sealer(yard.database, Forgetful(), yard.root, yard.sealer.clock)

    with pytest.raises(NotReady, match="lost calls"):
        sealer.seal(spool)
    assert spool.exists()


def test_the_catalog_finds_the_segments_of_a_spool(both_yards):
    spool = both_yards.spool(a_call(1))
    made = both_yards.sealer.seal(spool)
    with both_yards.database.read() as connection:
        found = segments_of(connection, spool.name)

    assert (found, len(entries_of(both_yards))) == (made, 1)
