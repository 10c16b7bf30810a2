"""A replica that is full turns the least urgent calls away first."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid, Overloaded
from roadbed.gateway.reuse.shed import MAX_LAG_S, SHARES, Shed, priority_of
from roadbed.inference.call import Outcome
from tests.gateway.reuse.asking import Counting, asks, served

RANKS = list(SHARES)


def a_call(number, priority="normal", wanted=""):
    call = asks(served(Counting(), priority=priority))
    call.id, call.priority = f"c{number}", wanted
    return call


@pytest.mark.parametrize(
    ("priority", "admitted"),
    [("low", 10), ("normal", 16), ("high", 19), ("critical", 20)],
)
def test_each_priority_has_its_share_of_the_room(priority, admitted):
    async def fill():
        shed = Shed(20)
        calls = [a_call(n, priority) for n in range(30)]
        for call in calls:
            try:
                shed.admit(call)
            except Overloaded as error:
                assert priority in error.message
        inside = shed.under_way
        for call in calls:
            shed.finish(call, Outcome())
        return inside, shed.under_way

    assert asyncio.run(fill()) == (admitted, 0)


@given(st.sampled_from(RANKS), st.sampled_from(["", *RANKS]))
def test_a_caller_may_be_less_urgent_and_never_more(declared, wanted):
    got = priority_of(a_call(0, declared, wanted))

    assert RANKS.index(got) <= RANKS.index(declared)
    assert got == wanted or not wanted or RANKS.index(wanted) > RANKS.index(declared)


def test_a_priority_that_there_is_not_is_told():
    with pytest.raises(Invalid, match="x-roadbed-priority"):
        priority_of(a_call(0, wanted="urgent"))


def test_a_loop_that_is_late_for_long_is_full_too_and_recovers():
    async def block():
        shed = Shed(1000)
        call = a_call(1)
        shed.admit(call)
        for _ in range(4):
            time.sleep(0.5)  # noqa: ASYNC251 - this is what is measured
            await asyncio.sleep(0)
        full = shed.fullness
        shed.finish(call, Outcome())
        await asyncio.sleep(1)
        return full, shed.fullness

    full, idle = asyncio.run(block())

    assert full > 0.15 / MAX_LAG_S
    assert idle == 0


def test_the_lag_of_one_moment_does_not_count():
    async def block_once():
        shed = Shed(1000)
        shed.admit(a_call(1))
        shed.lag._look(asyncio.get_running_loop())
        shed.lag._due_s -= 100
        shed.lag._look(asyncio.get_running_loop())
        return shed.lag.seconds

    assert asyncio.run(block_once()) < 1
