"""One of all who claim a key gets it, on any replica, and a dead one loses it."""

import signal
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from roadbed.database.engine import open_database
from roadbed.gateway.reuse.keys import KEPT_US, Claim, Keys, Wanted
from roadbed.gateway.tables import idempotency

LEASE_US = 5_000_000


class Now:
    """A clock in microseconds that is moved by hand."""

    def __init__(self):
        self.us = 1_000_000_000

    def __call__(self):
        return self.us


def wanted(owner="c1", key="k1", asked="q1"):
    return Wanted(key=key, asked=asked, owner=owner, lease_us=LEASE_US)


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def keys(database, now):
    return Keys(database, now)


def test_the_first_may_answer_and_the_others_wait_for_it(keys):
    assert keys.claim(wanted()) == Claim("mine")
    assert keys.claim(wanted("c2")) == Claim("busy")
    keys.answer("k1", "c1", b"said")

    assert keys.claim(wanted("c2")) == Claim("done", b"said")
    assert keys.claim(wanted("c3", key="k2")) == Claim("mine")


def test_another_request_with_the_same_key_is_told_apart(keys):
    keys.claim(wanted())
    assert keys.claim(wanted("c2", asked="q2")) == Claim("other")
    keys.answer("k1", "c1", b"said")

    assert keys.claim(wanted("c2", asked="q2")) == Claim("other")


def test_what_was_released_may_be_claimed_again(keys):
    keys.claim(wanted())
    keys.release("k1", "c1")

    assert keys.claim(wanted("c2", asked="q2")) == Claim("mine")


def test_whoever_outlives_the_lease_has_lost_the_key(keys, now):
    keys.claim(wanted())
    now.us += LEASE_US
    assert keys.claim(wanted("c2")) == Claim("mine")
    keys.answer("k1", "c1", b"too late")
    keys.release("k1", "c1")
    assert keys.claim(wanted("c3")) == Claim("busy")
    keys.answer("k1", "c2", b"in time")

    assert keys.claim(wanted("c3")) == Claim("done", b"in time")


def test_a_key_is_forgotten_after_a_day(keys, now, database):
    keys.claim(wanted())
    keys.answer("k1", "c1", b"said")
    keys.claim(wanted(key="k2"))
    now.us += KEPT_US - 1
    assert keys.purge() == 0
    assert keys.claim(wanted("c2")).state == "done"
    now.us += 1

    assert keys.claim(wanted("c2", asked="q2")) == Claim("mine")
    assert keys.purge() == 1
    with database.read() as connection:
        assert connection.execute(sa.select(idempotency.c.key)).scalars().all() == [
            "k1"
        ]


def test_of_many_at_once_exactly_one_gets_the_key(keys):
    claims, barrier = [], threading.Barrier(16)

    def claim(number):
        barrier.wait()
        for key in ("a", "b", "c"):
            claims.append((key, keys.claim(wanted(f"c{number}", key)).state))

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for key in ("a", "b", "c"):
        states = sorted(state for k, state in claims if k == key)
        assert states == ["busy"] * 15 + ["mine"]


def test_of_many_who_take_over_from_the_dead_exactly_one_does(keys, now):
    keys.claim(wanted())
    now.us += LEASE_US
    states, barrier = [], threading.Barrier(8)

    def claim(number):
        barrier.wait()
        states.append(keys.claim(wanted(f"d{number}")).state)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(states) == ["busy"] * 7 + ["mine"]


CLAIMS_AND_WAITS = """
import sys, time
from roadbed.database.engine import open_database
from roadbed.gateway.reuse.keys import Keys, Wanted
keys = Keys(open_database(sys.argv[1]), lambda: 1_000_000_000)
print(keys.claim(Wanted("k1", "q1", "victim", 5_000_000)).state, flush=True)
time.sleep(60)
"""


def test_the_key_of_a_killed_process_is_free_after_its_lease(tmp_path, now):
    url = f"sqlite:///{tmp_path / 'control.db'}"
    again = open_database(url)
    idempotency.create(again.engine)
    other = subprocess.Popen(
        [sys.executable, "-c", CLAIMS_AND_WAITS, url],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "mine\n"
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait(10)
        other.stdout.close()
    keys = Keys(again, now)

    assert keys.claim(wanted("heir")) == Claim("busy")
    now.us += LEASE_US
    assert keys.claim(wanted("heir")) == Claim("mine")
    again.close()
