import os
import subprocess
import sys

import pytest

from roadbed.registry.leases import EXPIRES_US, beat, holder, standings
from roadbed.registry.runs import Intent

NOW = 1_000_000_000


@pytest.fixture
def run(runs):
    return runs.start(Intent(name="t", actor="user:mira", code={}, environment={}))


def standing(database, run, now_us=NOW):
    with database.read() as connection:
        return standings(connection, [run], now_us)[run.id]


def test_a_run_is_lost_when_its_lease_ran_out(database, run):
    with database.write() as connection:
        beat(connection, run.id, "elsewhere:1", NOW)

    assert standing(database, run, NOW + EXPIRES_US) == "running"
    assert standing(database, run, NOW + EXPIRES_US + 1) == "lost"


def test_a_process_that_is_seen_to_be_gone_loses_its_run_at_once(database, run):
    child = subprocess.Popen([sys.executable, "-c", ""])
    place = holder().partition(":")[0]
    child.wait()
    with database.write() as connection:
        beat(connection, run.id, f"{place}:{child.pid}", NOW)
    if place:
        assert standing(database, run) == "lost"
    with database.write() as connection:
        beat(connection, run.id, f"{place}:{os.getpid()}", NOW)

    assert standing(database, run) == "running"


def test_of_a_run_without_a_lease_nobody_can_tell(database, run, runs):
    assert standing(database, run, NOW + 9 * EXPIRES_US) == "running"
    assert standing(database, runs.finish(run.id, "failed")) == "failed"
