"""Rate limits: never more, and nearly as many, on any number of replicas."""

import random

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import LimitExceeded
from roadbed.gateway.money.limits import LimitRule, Limits, Share
from roadbed.gateway.money.meter import Meter
from roadbed.gateway.money.replicas import ALIVE_US, Presence
from roadbed.gateway.money.scope import Scope
from roadbed.gateway.tables import replicas
from roadbed.inference.call import Outcome, Usage
from roadbed.inference.snapshot import Deployment
from tests.gateway.money.calls import PRICES, a_call, choice_at


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


def limited(call_id="x", body=b"hi", run="", **how):
    rule = LimitRule(name="l", scope=Scope(run=bool(run)), **how)
    choice = choice_at(PRICES)
    served = Deployment(endpoint="e", choices=(choice,))
    return a_call(limits=[rule], id=call_id, body=body, run=run, deployment=served)


def admitted(limits, *calls):
    count = 0
    for call in calls:
        try:
            limits.admit(call)
            count += 1
        except LimitExceeded:
            pass
    return count


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_the_parts_of_a_limit_are_the_limit(limit, replicas):
    parts = [Share(number, replicas).of(limit) for number in range(replicas)]

    assert sum(parts) == limit
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_a_limit_holds_on_all_replicas_together(replicas):
    clock, chance = Clock(), random.Random(replicas)
    lines = [Limits(clock) for _ in range(replicas)]
    for number, line in enumerate(lines):
        line.share = Share(number, replicas)
    calls = [limited(f"c{i}", requests_per_minute=101) for i in range(500)]

    total = sum(admitted(chance.choice(lines), call) for call in calls)

    assert total == 101


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=80))
def test_no_minute_ever_has_more_than_the_limit(steps):
    meter, now, log = Meter(), 0, []
    for gap, amount in steps:
        now += gap
        wait = meter.room_in_s(amount, 10, now)
        if not wait:
            meter.add(amount, now)
            log.append((now, amount))
        else:
            assert not Meter.room_in_s(_copy(meter), amount, 10, now + wait)
        assert sum(a for at, a in log if at > now - 60) <= 10


def _copy(meter):
    made = Meter()
    made._counts, made.total = dict(meter._counts), meter.total
    return made


def test_a_refusal_says_when_to_come_back_and_then_there_is_room():
    clock = Clock()
    limits = Limits(clock)
    limits.admit(limited("a", requests_per_minute=1))
    with pytest.raises(LimitExceeded) as refusal:
        limits.admit(limited("b", requests_per_minute=1))

    clock.now += refusal.value.retry_after_s

    assert "'l' of 1 calls a minute" in refusal.value.message
    assert admitted(limits, limited("c", requests_per_minute=1)) == 1


def test_input_tokens_are_reckoned_and_then_set_right():
    limits = Limits(Clock())
    first = limited("a", body=b"x" * 2_000, input_tokens_per_minute=1_000)
    second = limited("b", body=b"x" * 2_000, input_tokens_per_minute=1_000)
    limits.admit(first)
    assert admitted(limits, second) == 0

    limits.finish(first, Outcome(usage=Usage(input_tokens=100)))

    assert admitted(limits, second) == 1


def test_output_tokens_count_once_they_are_known():
    limits = Limits(Clock())
    first, second = (limited(n, output_tokens_per_minute=50) for n in "ab")
    limits.admit(first)
    limits.finish(first, Outcome(usage=Usage(output_tokens=50)))

    assert admitted(limits, second) == 0


def test_calls_at_once_are_counted_until_they_end_however_they_end():
    limits = Limits(Clock())
    calls = [limited(f"c{i}", concurrency=3) for i in range(5)]
    assert admitted(limits, *calls) == 3

    for call in calls:
        limits.finish(call, Outcome())

    assert admitted(limits, *calls) == 3


def test_each_run_has_a_limit_of_its_own():
    limits = Limits(Clock())
    calls = [limited(f"{r}{i}", run=r, concurrency=1) for r in "ab" for i in "12"]

    assert admitted(limits, *calls) == 2


def test_replicas_count_those_that_serve(database):
    clock = Clock()
    lines = [Limits() for _ in range(3)]

    def now_us():
        return int(clock.now * 1_000_000)

    present = [
        Presence(database, f"r{i}", line, now_us) for i, line in enumerate(lines)
    ]
    for each in [*present, *present]:
        each.look()
    assert [line.share for line in lines] == [Share(0, 3), Share(1, 3), Share(2, 3)]

    present[0].leave()
    clock.now += ALIVE_US / 1_000_000 + 1
    present[2].look()

    assert lines[2].share == Share(0, 1)


def test_nobody_is_counted_while_there_is_no_limit(database):
    needed, lines = [False], [Limits(), Limits()]
    present = [
        Presence(database, f"r{i}", line, lambda: 1, lambda: needed[0])
        for i, line in enumerate(lines)
    ]

    def said():
        with database.read() as connection:
            return list(connection.execute(sa.select(replicas.c.name)).scalars())

    for each in present:
        each.look()
    assert said() == []

    needed[0] = True
    for each in [*present, *present]:
        each.look()
    assert [line.share for line in lines] == [Share(0, 2), Share(1, 2)]

    needed[0] = False
    for each in present:
        each.look()
    assert said() == []
