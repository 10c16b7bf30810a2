"""Verdicts on promises: never more often wrong than they say."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.inference.terms import Latency
from roadbed.loadtest.judge import (
    DOUBT,
    Promise,
    Sample,
    at_least,
    calls_needed,
    judge,
    promises_of,
    quantile,
    too_many_errors,
    verdict_of,
)

SHARES = (0.5, 0.05, 0.01)


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(SHARES))
def test_the_tail_is_the_sum_of_the_binomial(count, calls, share):
    exact = sum(
        math.comb(calls, k) * share**k * (1 - share) ** (calls - k)
        for k in range(count, calls + 1)
    )

    assert at_least(count, calls, share) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("share", SHARES)
def test_a_verdict_is_seldom_wrong_at_the_border(share):
    """Simulated with a share that is exactly the promised one: the hardest case."""
    seed = 20261126
    print(f"seed {seed}")
    draw, wrong, tests = random.Random(seed), 0, 600
    for _ in range(tests):
        over = sum(draw.random() < share for _ in range(400))
        wrong += verdict_of(over, 400, share) == "broken"

    assert wrong / tests <= DOUBT + 0.02


@pytest.mark.parametrize("share", SHARES)
def test_too_few_calls_never_show_that_a_promise_is_kept(share):
    needed = calls_needed(share)

    assert verdict_of(0, needed - 1, share) == "inconclusive"
    assert verdict_of(0, needed, share) == "kept"


def test_no_call_at_all_is_inconclusive():
    assert verdict_of(0, 0, 0.05) == "inconclusive"


def samples(*times):
    return [Sample(due_s=0.0, first_s=t / 2, total_s=t) for t in times]


def test_a_promise_of_latency_counts_the_slow_ones():
    promise = Promise(name="p95", share=0.05, limit_s=1.0)

    slow = judge(promise, samples(*[0.1] * 80, *[1.5] * 20))
    fast = judge(promise, samples(*[0.1] * 100))

    assert (slow.verdict, slow.over, slow.measured_s) == ("broken", 20, 1.5)
    assert (fast.verdict, fast.over, fast.measured_s) == ("kept", 0, 0.1)


def test_a_call_that_failed_took_for_ever():
    failed = [Sample(due_s=0.0, error="http_503")] * 30
    promise = Promise(name="p95", share=0.05, limit_s=60.0)

    assert judge(promise, samples(*[0.1] * 70) + failed).verdict == "broken"
    assert too_many_errors(samples(*[0.1] * 70) + failed) == "broken"
    assert too_many_errors(samples(*[0.1] * 400)) == "kept"


def test_promises_are_those_that_were_written():
    latency = Latency(p95_ms=800, first_token_p95_ms=300)

    names = [(p.name, p.limit_s, p.first) for p in promises_of(latency)]

    assert names == [("p95", 0.8, False), ("first token p95", 0.3, True)]
    assert promises_of(None) == ()


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_enough_do_not_exceed(values, share):
    found = quantile(sorted(values), share)

    assert found in values
    assert sum(v <= found for v in values) >= share * len(values) - 1e-9
