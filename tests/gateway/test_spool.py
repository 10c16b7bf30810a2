"""The spool keeps what was committed, and refuses what it could not give back."""

import math
import sqlite3

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.gateway.history import CallQuery, cursor
from roadbed.gateway.reader import SpoolReader
from roadbed.gateway.spool import Spool, drop, encode, name_of, process_of
from roadbed.inference.record import leaf_bytes
from roadbed.testing.history_contract import (
    NOON_US,
    a_call,
    a_record,
    any_payloads,
    any_records,
    call_id,
)


@pytest.fixture
def spool(tmp_path):
    opened = Spool(tmp_path / name_of("host-1", 1))
    yield opened
    opened.close()


def test_a_living_spool_can_be_read_at_once(spool):
    spool.append([encode(*a_call(n)) for n in (1, 2, 3)])

    with SpoolReader(spool.path) as reader:
        assert reader.find(call_id(2, NOON_US + 2000)) == a_call(2)
        assert reader.find("local-none") is None
        assert reader.search(CallQuery(limit=2)) == [a_call(3)[0], a_call(2)[0]]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(any_records(), any_payloads())
def test_any_record_comes_back_as_it_was(spool, record, payload):
    record = msgspec.structs.replace(record, call_id=f"{record.call_id}{spool.rows}")
    spool.append([encode(record, payload)])
    with SpoolReader(spool.path) as reader:
        found = reader.find(record.call_id)

    assert found is not None
    assert leaf_bytes(found[0]) == leaf_bytes(record)
    assert found[1] == payload


def test_a_call_is_kept_once(spool):
    row = encode(*a_call(1))

    assert spool.append([row]) == 1
    assert spool.append([row, encode(*a_call(2))]) == 1
    with SpoolReader(spool.path) as reader:
        assert reader.count() == 2


def test_a_commit_that_fails_keeps_nothing(spool):
    with pytest.raises(sqlite3.IntegrityError):
        spool.append([encode(*a_call(1)), ("x", None, "{}", None)])

    assert spool.append([encode(*a_call(2))]) == 1
    with SpoolReader(spool.path) as reader:
        assert reader.count() == 1


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["num", "prediction"])
def test_what_is_no_number_is_refused(number, field):
    with pytest.raises(Invalid, match="not a number"):
        encode(a_record(**{field: {"x": number}}), None)


def test_half_characters_and_huge_integers_are_refused():
    with pytest.raises(Invalid, match="no Unicode"):
        encode(a_record(endpoint="\ud800"), None)
    with pytest.raises(Invalid, match="latency_us"):
        encode(a_record(latency_us=2**53), None)


def test_a_search_continues_after_a_cursor(spool):
    same = [a_record(n, ts=NOON_US) for n in range(5)]
    spool.append([encode(record, None) for record in same])
    with SpoolReader(spool.path) as reader:
        first = reader.search(CallQuery(limit=2))
        then = reader.search(CallQuery(limit=9, before=cursor(first[-1])))

    assert first + then == same[::-1]


@pytest.mark.parametrize("content", [b"no database" * 99, b"SQLite format 3\0" * 9])
def test_a_file_that_is_no_spool_is_corrupt(tmp_path, content):
    (tmp_path / "x.spool").write_bytes(content)

    with pytest.raises(Corrupt, match=r"x\.spool"), SpoolReader(tmp_path / "x.spool"):
        pass


def test_an_empty_file_has_no_calls(tmp_path):
    (tmp_path / "x.spool").touch()

    with SpoolReader(tmp_path / "x.spool") as reader:
        assert (reader.count(), reader.hours(), reader.search(CallQuery())) == (
            0,
            [],
            [],
        )


def test_a_spool_that_is_gone_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="gone"), SpoolReader(tmp_path / "x.spool"):
        pass


def test_a_row_that_is_no_call_is_corrupt(spool):
    spool.append([("x", 1, msgspec.json.encode({"call_id": "x"}).decode(), None)])

    with SpoolReader(spool.path) as reader, pytest.raises(Corrupt, match="no call"):
        reader.search(CallQuery())


def test_dropping_leaves_nothing_beside(spool):
    spool.append([encode(*a_call(1))])
    with SpoolReader(spool.path):
        drop(spool.path)

    assert not list(spool.path.parent.glob("*.spool*"))


def test_the_name_says_whose_it_is(tmp_path):
    assert process_of(tmp_path / name_of("web-1-0a1b", 12)) == "web-1-0a1b"
    assert process_of(tmp_path / "garbage.spool") == "garbage"
