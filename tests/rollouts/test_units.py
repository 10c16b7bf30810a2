"""Who fails again and again is one bad unit: users differ, and that is no harm."""

import random

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from roadbed.gateway.release import CanaryStep, Release, Watched
from roadbed.rollouts import lone, store, units
from roadbed.rollouts.harm import Counts, watched
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.state import State
from roadbed.rollouts.tables import rollout_units as table
from roadbed.rollouts.tally import UnitSeen, merged, packed
from roadbed.rollouts.wagers import Wager

from .test_store import a_rollout

SEED, ALPHA = 20261127, 0.05
PLAN = plan_of(
    Release(steps=[CanaryStep(percent=20)], guardrails=[Watched(metric="errors")]),
    promises_latency=False,
)


@pytest.fixture
def connection(sqlite_database):
    with sqlite_database.write() as connection:
        yield connection


def begun(connection, number=0):
    state = State(phase="canary", revision=2)
    rollout = a_rollout(id=f"ro-{number}", endpoint=f"bot-{number}", plan=PLAN)
    store.begin(connection, rollout, "pinned")
    return a_rollout(id=f"ro-{number}", plan=PLAN, state=state)


def looked(connection, rollout, *seen, now_us=0):
    taken = units.take(connection, rollout, seen, {u.unit for u in seen}, now_us)
    return taken, units.looks(connection, rollout, seen, taken)["errors"]


def one(unit, side, *bad, **more):
    return UnitSeen(unit=unit, side=side, calls=1, bad=frozenset(bad), **more)


def test_a_unit_is_at_risk_until_it_is_bad(connection):
    rollout = begun(connection)

    _, first = looked(connection, rollout, one(1, "old"), one(2, "new", "errors"))
    assert first.risk.new == first.new == Counts(1, 1)
    taken, again = looked(
        connection, rollout, one(1, "old"), one(2, "new", "errors"), one(3, "new")
    )
    assert (again.risk.old, again.risk.new) == (Counts(0, 1), Counts(0, 1))
    assert (again.old, again.new) == (Counts(0, 1), Counts(1, 2))
    assert (taken.fresh.new, taken.fresh.seen) == (1, 1)


def test_who_was_bad_before_is_not_the_newer_versions(connection):
    rollout = begun(connection)
    looked(connection, rollout, one(1, "old", "errors"), one(2, "old"))

    _, moved = looked(connection, rollout, one(1, "new", "errors"), one(2, "new"))
    assert (moved.old, moved.new) == (Counts(1, 2), Counts(1, 2))
    assert moved.risk.new == Counts(0, 1)


def test_who_was_bad_is_at_risk_again_after_an_hour(connection):
    rollout = begun(connection)
    looked(connection, rollout, one(1, "new", "errors"), now_us=0)

    for now_us, risk in ((units.AGAIN_US - 1, 0), (units.AGAIN_US, 1)):
        _, look = looked(connection, rollout, one(1, "new", "errors"), now_us=now_us)
        assert look.risk.new == Counts(risk, risk)
    _, after = looked(
        connection, rollout, one(1, "new", "errors"), now_us=units.AGAIN_US + 1
    )
    assert (after.risk.new, after.new) == (Counts(0, 0), Counts(1, 1))


def test_users_who_always_fail_do_not_send_a_version_back(connection):
    chance = random.Random(SEED)
    refuted, naively = 0, 0
    for number in range(40):
        rollout = begun(connection, number)
        sides = {u: "new" if chance.random() < 0.2 else "old" for u in range(100)}
        broken = set(chance.sample(sorted(sides), 2))
        bet, naive = Wager(), Wager()
        for _ in range(20):
            seen = [
                one(u, side, *(["errors"] if u in broken else []))
                for u, side in sides.items()
                if chance.random() < 0.8
            ]
            _, look = looked(connection, rollout, *seen)
            bet = watched(bet, look.risk.old, look.risk.new)
            every = (units.counted(seen, side, "errors") for side in ("old", "new"))
            naive = watched(naive, *every)
        refuted += bet.refutes(ALPHA)
        naively += naive.refutes(ALPHA)

    print(f"seed {SEED}: {refuted} of 40, {naively} if each look counted anew")
    assert refuted <= 4
    assert naively >= 8


def test_a_version_that_fails_after_a_while_is_found_out(connection):
    rollout, bet = begun(connection), Wager()
    sides = {u: "new" if u % 5 == 0 else "old" for u in range(100)}
    for at in range(10):
        bad = ["errors"] if at >= 8 else []
        seen = [one(u, s, *(bad if s == "new" else [])) for u, s in sides.items()]
        _, look = looked(connection, rollout, *seen)
        bet = watched(bet, look.risk.old, look.risk.new)
        if at == 7:
            assert not bet.refutes(ALPHA)
    assert bet.refutes(ALPHA)
    assert (look.old, look.new) == (Counts(0, 80), Counts(20, 20))


def test_a_call_that_never_comes_again_is_counted_and_not_remembered(connection):
    """Half of the calls name a user; all is as if each were remembered."""
    chance, numbers = random.Random(SEED), iter(range(1_000, 10**6))
    rollout, every = begun(connection), begun(connection, 1)
    for _ in range(10):
        seen = [
            one(
                next(numbers) if alone else chance.randrange(40),
                chance.choice(["old", "new"]) if alone else "old",
                *(["errors"] if chance.random() < 0.2 else []),
                alone=alone,
            )
            for alone in [True, False] * 20
        ]
        seen = merged([packed(seen)])
        taken, look = looked(connection, rollout, *seen)
        known, same = looked(
            connection, every, *[replace(u, alone=False) for u in seen]
        )

        assert look == same
        assert taken.fresh == known.fresh
    kept = sa.select(sa.func.count()).where(table.c.rollout == rollout.id)
    assert connection.execute(kept.select_from(table)).scalar_one() <= 40
    assert sum(lone.counted(connection, rollout.id).values()) == 200


def test_there_is_no_end_to_calls_that_never_come_again(connection):
    rollout = begun(connection)
    calls = [one(n, "old", "errors", alone=True) for n in range(5)]
    taken = units.take(connection, rollout, calls, range(5), 0, cap=2)

    look = units.looks(connection, rollout, calls, taken)["errors"]
    assert (look.old, look.risk.old, taken.fresh.old) == (Counts(5, 5), Counts(5, 5), 5)
