"""Kill -9 at random moments: every acknowledged call is in the log, once."""

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest

from roadbed.adapters.history.duckdb import DuckDBHistory, HistoryAside
from roadbed.gateway.adopt import Adopter
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import CallQuery, Span
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.testing.history_contract import a_call

from .worker import sealer_of

KILLS = 12
HISTORY = DuckDBHistory()


class Zygote:
    """Starts workers and kills them."""

    def __init__(self, state):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.worker", state],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        self.say("reap")


@pytest.fixture
def state(tmp_path, sqlite_database):
    (tmp_path / "spool").mkdir()
    return tmp_path


def rampage(state, seed, how="fork", pauses=(0, 0.02, 0.1, 0.5), kills=KILLS):
    """Keep two workers going, and kill one after the other; return all acks."""
    chance, zygote = random.Random(seed), Zygote(state)
    alive = [int(zygote.say(f"{how} {seed}-first"))]
    for number in range(kills):
        alive.append(int(zygote.say(f"{how} {seed}-{number}")))
        time.sleep(chance.choice(pauses) * chance.random() + 0.05)
        zygote.kill(alive.pop(chance.randrange(2)))
    zygote.kill(alive.pop())
    zygote.process.communicate()
    acks = [path.read_text().split("\n")[:-1] for path in state.glob("*.acks")]
    return [call_id for some in acks for call_id in some]


def adopt(state, raised, history=None):
    sealer = sealer_of(state, history)
    adopter = Adopter(state / "spool", state / "quarantine", sealer, raised.append)
    adopter.adopt()
    return CallLog(state / "spool", sealer.database, HISTORY, state / "history")


def everything(state, log):
    """Return the id of every sealed call, as often as it was sealed."""
    files = [state / "history" / segment.calls.path for segment in log.segments()]
    return [record.call_id for file in files for record in HISTORY.records(file)]


@pytest.mark.parametrize("_round", [1, 2])
def test_every_acknowledged_call_is_in_the_log_once(state, _round):
    seed = random.randrange(10**6)
    logging.warning("seed %s", seed)

    assert_each_is_there_once(state, rampage(state, seed))


def test_so_it_is_when_a_helper_seals_and_its_parent_is_killed(state):
    """What a helper was writing when its parent died is nothing, and leaves nothing."""
    seed = random.randrange(10**6)
    logging.warning("seed %s", seed)

    assert_each_is_there_once(state, rampage(state, seed, "aside", (0.5, 1.5), 3))


def test_so_it_is_when_the_helper_is_killed(state):
    """In the middle of anything, again and again, while spools are sealed."""
    seed, history = random.randrange(10**6), HistoryAside()
    logging.warning("seed %s", seed)
    chance, kept, stop = random.Random(seed), [], threading.Event()

    def kill():
        while not stop.wait(chance.choice([0.001, 0.01, 0.7]) * chance.random()):
            if pid := history.helper.pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    killed, killer = [], threading.Thread(target=kill)
    killer.start()
    for start in range(0, 300, 6):
        for number in range(start, start + 6):
            kept += spooled(state, number)
        adopt(state, [], history)
        if killed:  # a quick machine may be done before the first shot
            break
    stop.set()
    killer.join()
    history.close()

    assert killed
    assert_each_is_there_once(state, kept)


def spooled(state, number):
    """Leave a spool behind and return the ids of its calls."""
    spool = Spool(state / "spool" / name_of("host-1", number))
    calls = [a_call(100 * number + n) for n in range(50)]
    spool.append([encode(*call) for call in calls])
    spool.close()
    return [record.call_id for record, _ in calls]


def assert_each_is_there_once(state, acknowledged):
    """Adopt what is left; then each is sealed once, with proof, and no file is more."""
    raised = []
    log = adopt(state, raised)
    segments, logged = log.segments(), Counter(everything(state, log))
    files = [path for path in (state / "history").rglob("*") if path.is_file()]

    assert len(acknowledged) > 20
    assert {logged[call_id] for call_id in acknowledged} == {1}
    assert set(logged.values()) == {1}
    assert not [f for s in segments for f in log.verify_segment(s.id)]
    assert (raised, list((state / "spool").iterdir())) == ([], [])
    assert len(files) == 2 * len(segments)


def counted(log):
    """Return how many calls the series shows, of the last hour."""
    now_us = time.time_ns() // 1000
    span = Span(
        since_us=now_us - 3600 * 10**6, until_us=now_us + 10**6, step_us=60 * 10**6
    )
    points = log.series(span)
    return sum(point.calls for point in points)


def test_what_is_acknowledged_can_be_read_at_once(state):
    """While spools are closed, sealed and removed: none missed, none counted twice."""
    zygote, acks = Zygote(state), state / "live.acks"
    pid = int(zygote.say("fork live"))
    log = CallLog(
        state / "spool", sealer_of(state).database, HISTORY, state / "history"
    )
    seen, end = [], time.monotonic() + 60
    while len(log.segments()) < 20 and time.monotonic() < end:
        told = acks.read_text().split("\n")[:-1] if acks.exists() else []
        total = counted(log)
        found = {record.call_id for record in log.search(CallQuery(limit=10**6))}
        seen.append((set(told) <= found, len(told) <= total <= len(found)))
    zygote.kill(pid)
    zygote.process.communicate()

    assert len(seen) > 3
    assert set(seen) == {(True, True)}
    assert log.unreadable == {}
