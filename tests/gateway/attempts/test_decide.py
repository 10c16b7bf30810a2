"""What is decided after an attempt has failed, for all that can be the case."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import (
    BudgetExhausted,
    Invalid,
    ProviderError,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.dialects.failures import by_status
from roadbed.gateway.attempts.decide import (
    PATIENCE_S,
    Ahead,
    Failure,
    FallBack,
    GiveUp,
    Plan,
    Retry,
    Walk,
    decide,
    failure_of,
    may_hedge,
    share_s,
    was_sent,
)

seconds = st.floats(0, 1_000)
plans = st.builds(
    Plan, st.integers(1, 10), st.floats(0.001, 3_600), st.floats(0, 2_000)
)
walks = st.builds(Walk, st.integers(0, 12), st.integers(0, 12))
hopes = st.sampled_from(["none", "version", "place", "same"])
failures = st.builds(Failure, hopes, st.none() | seconds)
aheads = st.builds(Ahead, st.booleans(), st.integers(0, 5), st.booleans())
chances = st.floats(0, 1, exclude_max=True)
situations = st.tuples(plans, walks, failures, aheads, seconds, chances)


@given(situations)
def test_no_call_costs_more_than_its_attempts(situation):
    plan, walk, *_ = situation
    action = decide(*situation)

    assert walk.spent < plan.attempts or isinstance(action, GiveUp)


@given(situations)
def test_no_wait_goes_beyond_the_deadline(situation):
    plan, _, _, ahead, now_s, _ = situation
    action = decide(*situation)

    if isinstance(action, Retry):
        assert now_s + action.after_s < plan.deadline_s
        assert action.after_s < PATIENCE_S or not ahead.choices


@given(situations)
def test_a_retry_never_takes_an_attempt_that_a_fallback_needs(situation):
    plan, walk, _, ahead, *_ = situation
    action = decide(*situation)

    if isinstance(action, Retry):
        assert plan.attempts - (walk.spent + 1) >= ahead.choices


@given(situations)
def test_who_asked_for_patience_is_given_no_less(situation):
    _, _, failure, ahead, *_ = situation
    action = decide(*situation)

    if isinstance(action, Retry) and failure.wait_s and not ahead.sibling:
        assert action.after_s >= failure.wait_s


@given(situations)
def test_retries_come_out_of_the_budget(situation):
    ahead, action = situation[3], decide(*situation)

    assert ahead.allowed or not isinstance(action, Retry)


@given(situations)
def test_a_place_without_hope_is_not_asked_twice(situation):
    _, _, failure, ahead, *_ = situation
    action = decide(*situation)

    if failure.hope == "none":
        assert action == GiveUp()
    if failure.hope == "version":
        assert not isinstance(action, Retry)
    if failure.hope == "place" and not ahead.sibling:
        assert not isinstance(action, Retry)


@given(situations)
def test_nobody_falls_back_on_nothing(situation):
    ahead, action = situation[3], decide(*situation)

    assert ahead.choices or not isinstance(action, FallBack)


@given(st.floats(0.01, 10), st.integers(1, 8), chances)
def test_the_waits_double_with_full_jitter(backoff_s, here, chance):
    """Each wait is drawn from 0 up to a bound that doubles, to ten seconds at most."""
    plan = Plan(10, backoff_s, 10_000.0)
    action = decide(plan, Walk(here, here), Failure("same"), Ahead(), 0.0, chance)

    assert isinstance(action, Retry)
    assert action.after_s == pytest.approx(
        chance * min(10.0, backoff_s * 2 ** (here - 1))
    )


@given(st.integers(1, 5), st.floats(0.1, 100), st.none() | st.floats(0.01, 50))
def test_every_version_of_a_chain_gets_a_share_of_the_time(later, left_s, first_s):
    """If all fall silent, the last one still has time: shares add up to the whole."""
    shares, left = [], left_s
    for ahead in range(later, -1, -1):
        share = share_s(left, ahead, first_s, streams=True)
        took = min(left, *(s for s in (share, first_s) if s is not None), left)
        shares.append(took)
        left -= took

    assert all(took > 0 for took in shares)
    assert sum(shares) <= left_s * 1.000001
    assert all(a <= b * 1.000001 or first_s for a, b in pairwise(shares))


def test_declared_deadlines_that_fit_need_no_timer_of_ours():
    assert share_s(10.0, 2, 3.0, streams=True) is None
    assert share_s(10.0, 0, None, streams=True) is None
    assert share_s(10.0, 1, None, streams=False) is None
    assert share_s(5.0, 1, 3.0, streams=False) == 2.5


@pytest.mark.parametrize(
    ("status", "hope"),
    [
        (400, "none"),
        (401, "place"),
        (403, "place"),
        (404, "place"),
        (408, "same"),
        (409, "same"),
        (413, "none"),
        (422, "none"),
        (429, "same"),
        (500, "same"),
        (502, "same"),
        (503, "same"),
        (504, "same"),
        (529, "same"),
        (307, "place"),
    ],
)
def test_what_may_be_retried(status, hope):
    error = by_status(status, "why", 3.0)

    assert failure_of(error, first=True).hope == hope
    assert not was_sent(error), "a refusal with a status is not paid for"


@pytest.mark.parametrize(
    ("error", "hope", "sent"),
    [
        (TimedOut("silent"), "place", True),
        (Truncated("cut"), "place", True),
        (ProviderError("html"), "place", True),
        (Unavailable("broke"), "same", True),
        (Invalid("no word for it"), "none", False),
        (BudgetExhausted("spent"), "none", True),
    ],
)
def test_what_has_no_status(error, hope, sent):
    assert failure_of(error, first=True).hope == hope
    assert was_sent(error) == sent


def test_what_a_fallback_refuses_is_one_fallback_less():
    """Pain 11: a fallback's 400 ends nothing, and hides nothing."""
    assert failure_of(by_status(400, ""), first=False).hope == "version"
    assert failure_of(Invalid("no word"), first=False).hope == "version"
    assert failure_of(BudgetExhausted("spent"), first=False).hope == "none"


@given(st.integers(0, 12), st.integers(0, 100_000), st.booleans())
def test_only_cheap_calls_without_tools_are_hedged(spent, size, tools):
    hedges = may_hedge(Plan(3, 0.1, 10), spent, size, tools=tools)

    assert not hedges or (spent < 3 and size <= 32 * 1024 and not tools)
