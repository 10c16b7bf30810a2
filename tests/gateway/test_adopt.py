"""Whatever the dead left behind, nothing of it stops the living."""

import random
import sqlite3
import subprocess
import sys

import pytest

from roadbed.gateway.history import CallQuery
from roadbed.gateway.lock import ProcessLock
from roadbed.gateway.spool import Spool, encode
from roadbed.testing.history_contract import a_call, a_record


def test_the_spools_of_the_dead_are_sealed(yard):
    yard.spool(a_call(1), process="a-1")
    yard.spool(a_call(2), process="a-1", seq=2)
    yard.spool(a_call(3), process="b-1")
    done = yard.adopter.adopt()

    assert (done.sealed, done.quarantined, yard.raised) == (3, 0, [])
    assert yard.left() == []
    assert len(yard.log.search(CallQuery())) == 3


def test_the_spools_of_the_living_are_left_alone(yard):
    yard.spool(a_call(1), process="a-1")
    lock = ProcessLock.hold(yard.spools / "a-1.lock")
    while_alive = yard.adopter.adopt()
    lock.release(remove=False)
    when_dead = yard.adopter.adopt()

    assert (while_alive.sealed, when_dead.sealed) == (0, 1)
    assert yard.left() == []


def test_an_empty_file_is_nothing(yard):
    (yard.spools / "a-1-000001.spool").touch()
    (yard.spools / "odd.spool").touch()
    done = yard.adopter.adopt()

    assert (done.dropped, yard.left(), yard.raised) == (2, [], [])


def test_a_file_without_a_table_is_nothing(yard):
    path = yard.spools / "a-1-000001.spool"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.close()
    done = yard.adopter.adopt()

    assert (done.dropped, yard.left(), yard.raised) == (1, [], [])


def damage(path, kind):
    data = path.read_bytes()
    if kind == "garbage":
        data = random.Random(7).randbytes(len(data))
    if kind == "torn":
        data = data[: len(data) // 2 + 100]
    if kind == "zeroed page":
        data = data[:4096] + bytes(4096) + data[8192:]
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["garbage", "torn", "zeroed page"])
def test_an_unreadable_spool_is_set_aside(yard, kind):
    bad = yard.spool(*map(a_call, range(40)), process="a-1")
    damage(bad, kind)
    yard.spool(a_call(90), process="b-1")
    done = yard.adopter.adopt()

    assert (done.sealed, done.quarantined) == (1, 1)
    assert (yard.state / "quarantine" / bad.name).exists()
    assert [alert.code for alert in yard.raised] == ["spool.quarantined"]
    assert bad.name in yard.raised[0].message
    assert yard.left() == []


@pytest.mark.parametrize(
    "row",
    [
        ("x", 1, "{}", None),
        ("x", 1, "no json", None),
        ("x", "soon", "{}", None),
        ("x", 2**62, encode(a_record(), None)[2], None),
        ("x", 5, encode(a_record(call_id="y", ts=5), None)[2], None),
        ("x", 5, encode(a_record(call_id="x", ts=5, region="../up"), None)[2], None),
        ("x", 5, encode(a_record(call_id="x", ts=5), None)[2], "[]"),
    ],
    ids=range(7),
)
def test_a_row_that_is_no_call_sets_the_spool_aside(yard, row):
    spool = Spool(yard.spools / "a-1-000001.spool")
    spool.append([row])
    spool.close()
    done = yard.adopter.adopt()

    assert (done.sealed, done.quarantined, done.postponed) == (0, 1, 0)
    assert yard.left() == []
    assert not (yard.state / "up").exists()


HALF_MADE = (
    "import os, sqlite3, sys\n"
    "made = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "made.execute('PRAGMA cache_size=1')\n"
    "made.execute('BEGIN')\n"
    "made.execute('CREATE TABLE calls (call_id, ts, record, payload)')\n"
    "for n in range(100):\n"
    "    made.execute('INSERT INTO calls VALUES (?, 1, ?, 1)', [n, 'x' * 999])\n"
    "os._exit(0)\n"
)


def test_a_file_that_was_half_made_is_rolled_back(yard):
    path = yard.spools / "a-1-000001.spool"
    subprocess.run([sys.executable, "-c", HALF_MADE, path], check=True)
    had_journal = path.with_name(path.name + "-journal").exists()
    done = yard.adopter.adopt()

    assert had_journal
    assert (done.dropped, done.quarantined, done.postponed) == (1, 0, 0)
    assert (yard.left(), yard.raised) == ([], [])


def test_two_spools_of_one_name_are_both_kept_aside(yard):
    for _ in range(2):
        (yard.spools / "a-1-000001.spool").write_bytes(b"garbage" * 1000)
        yard.adopter.adopt()

    assert len(list((yard.state / "quarantine").iterdir())) == 2


def test_what_cannot_be_sealed_now_is_tried_again(yard):
    yard.spool(a_call(1), process="a-1")
    yard.root.write_text("a file where a folder belongs")
    first = yard.adopter.adopt()
    yard.root.unlink()
    second = yard.adopter.adopt()

    assert (first.postponed, first.quarantined, second.sealed) == (1, 0, 1)
    assert [alert.code for alert in yard.raised] == ["spool.unsealed"]
    assert yard.left() == []


def test_a_quarantine_that_cannot_be_used_stops_nothing(yard):
    (yard.spools / "a-1-000001.spool").write_bytes(b"garbage" * 1000)
    (yard.state / "quarantine").write_text("a file where a folder belongs")
    yard.spool(a_call(1), process="b-1")
    done = yard.adopter.adopt()

    assert (done.sealed, done.postponed) == (1, 1)
    assert (yard.spools / "a-1-000001.spool").exists()


def test_remains_without_a_spool_are_swept_away(yard):
    for name in ("a-1-000001.spool-wal", "a-1-000001.spool-shm", "b-1.lock"):
        (yard.spools / name).write_bytes(b"x")
    yard.adopter.adopt()

    assert yard.left() == []
