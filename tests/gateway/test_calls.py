"""One log, wherever a call lies."""

import pytest

from roadbed.core.errors import Corrupt, Invalid, NotFound, NotReady
from roadbed.gateway.history import CallQuery, Span
from roadbed.gateway.reader import SpoolReader
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.testing.history_contract import NOON_US, a_call, a_record, call_id

SECOND = 1_000_000
SPAN = Span(since_us=NOON_US, until_us=NOON_US + SECOND, step_us=SECOND)


@pytest.fixture
def log(both_yards):
    """Calls 1 to 6 sealed in two segments, 7 to 9 in a spool of the living."""
    yard = both_yards
    yard.sealed(1, 2, 3)
    yard.sealed(4, 5, 6)
    spool = Spool(yard.spools / name_of("host-live", 1))
    spool.append([encode(*a_call(n)) for n in (7, 8, 9)])
    yield yard.log
    spool.close()


def numbers(records):
    return [int(record.call_id[-12:], 16) for record in records]


@pytest.mark.parametrize(("number", "sealed"), [(2, True), (5, True), (8, False)])
def test_a_call_is_found_wherever_it_lies(log, number, sealed):
    found = log.find(call_id(number, NOON_US + number * 1000))

    assert (found.record, found.payload) == a_call(number)
    assert (found.segment is not None) == sealed


def test_a_call_that_never_was_is_not_found(log):
    with pytest.raises(NotFound, match="on record"):
        log.find(call_id(99))
    with pytest.raises(Invalid, match="not a call id"):
        log.find("nonsense")


def test_pages_join_without_gap_or_repetition(log):
    pages, before = [], ""
    while page := log.search(CallQuery(limit=2, before=before)):
        pages.append(numbers(page))
        before = page[-1].call_id

    assert pages == [[9, 8], [7, 6], [5, 4], [3, 2], [1]]


def test_a_search_keeps_to_its_times(log):
    query = CallQuery(since_us=NOON_US + 3000, until_us=NOON_US + 8000)

    assert numbers(log.search(query)) == [7, 6, 5, 4, 3]


def test_a_rare_call_is_found_behind_many_segments(yard):
    for n in range(30):
        rare = {"endpoint": "rare"} if n == 1 else {}
        yard.sealer.seal(yard.spool((a_record(n, **rare), None), seq=n + 1))

    assert numbers(yard.log.search(CallQuery(endpoint="rare"))) == [1]
    assert numbers(yard.log.search(CallQuery(limit=2))) == [29, 28]


def test_a_series_joins_spool_and_history(log):
    (point,) = log.series(SPAN)

    assert (point.endpoint, point.at_us, point.calls) == ("tumor-triage", NOON_US, 9)
    assert point.p50_us == point.p95_us
    assert abs(point.p95_us - 2500) < 75


def test_a_call_between_catalog_and_removal_counts_once(both_yards):
    yard = both_yards
    with SpoolReader(yard.spool(a_call(1), a_call(2))) as reader:
        yard.sealer.publish(yard.sealer.write(reader))
    (point,) = yard.log.series(SPAN)

    assert numbers(yard.log.search(CallQuery())) == [2, 1]
    assert point.calls == 2


def test_errors_are_counted_and_denials_are_not(yard):
    states = ["ok", "error", "truncated", "denied", "cancelled"]
    records = [a_record(n, status=status) for n, status in enumerate(states)]
    yard.spool(*((record, None) for record in records))
    (point,) = yard.log.series(SPAN)

    assert (point.calls, point.errors) == (5, 2)


def test_a_damaged_segment_hides_no_other(yard):
    bad = yard.sealed(1)
    yard.sealed(2)
    (yard.root / bad.calls.path).write_bytes(b"damaged")
    (yard.spools / "x.spool").write_bytes(b"damaged" * 999)

    assert numbers(yard.log.search(CallQuery())) == [2]
    assert set(yard.log.unreadable) == {f"{bad.id}.parquet", "x.spool"}


def test_a_call_in_a_damaged_segment_is_not_denied(yard):
    bad = yard.sealed(1)
    (yard.root / bad.calls.path).write_bytes(b"damaged")

    with pytest.raises(Corrupt, match=bad.id):
        yard.log.find(call_id(1, NOON_US + 1000))


def test_a_segment_that_was_restored_is_read_again(yard):
    path = yard.root / yard.sealed(1).calls.path
    path.rename(path.with_name("away"))
    without = yard.log.search(CallQuery())
    path.with_name("away").rename(path)

    assert (without, numbers(yard.log.search(CallQuery()))) == ([], [1])
    assert yard.log.unreadable == {}


def test_a_log_without_any_state_is_empty(yard):
    yard.spools.rmdir()

    assert yard.log.search(CallQuery()) == []
    assert yard.log.series(Span(since_us=0, until_us=NOON_US, step_us=SECOND)) == []
    with pytest.raises(NotFound):
        yard.log.find(call_id(1))


def test_a_call_in_the_spool_is_not_provable_yet(log):
    with pytest.raises(NotReady, match="not sealed yet"):
        log.prove(call_id(8, NOON_US + 8000))
