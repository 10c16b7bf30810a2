"""Intervals: against exact coverage, other formulas, and rules for all inputs."""

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.intervals import mean, rate, wilson, within
from roadbed.evals.statistics.units import gather

SHARES = st.floats(0, 1, allow_nan=False)
GRADES = st.lists(SHARES, max_size=40)
CLUSTERS = st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=40, max_size=40)


def coverage(n, share):
    """Return how often the interval of *n* cases covers *share*, exactly."""
    found = [rate(k, n) for k in range(n + 1)]
    chances = stats.binom.pmf(range(n + 1), n, share)
    covers = [each.low <= share <= each.high for each in found]
    return float(chances[covers].sum())


@pytest.mark.parametrize("n", [20, 50, 200])
def test_a_rate_is_covered_near_one_where_the_usual_interval_is_not(n):
    usual = stats.binom.pmf(n, n, 0.99)

    assert min(coverage(n, share) for share in (0.9, 0.95, 0.98, 0.99)) > 0.92
    assert usual > 0.1, "with no failure the usual interval has no width"


def test_wilson_is_that_of_scipy_where_failures_are_not_rare():
    for passed, n in ((12, 40), (37, 90), (250, 500)):
        other = stats.binomtest(passed, n).proportion_ci(method="wilson")

        assert wilson(passed, n, 0.05) == pytest.approx((other.low, other.high))


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.01, 0.05, 0.2]))
def test_failures_mirror_successes(passed, more, alpha):
    n = passed + more
    low, high = wilson(passed, n, alpha)

    assert wilson(more, n, alpha) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    assert 0 <= low <= passed / n <= high <= 1


@given(st.integers(1, 200), st.sampled_from([0.01, 0.05]))
def test_more_successes_move_both_ends_up(n, alpha):
    ends = [wilson(k, n, alpha) for k in range(0, n + 1, max(1, n // 20))]

    assert all(a <= c + 1e-12 for (a, _), (c, _) in pairwise(ends))
    assert all(b <= d + 1e-12 for (_, b), (_, d) in pairwise(ends))


@given(GRADES, CLUSTERS, st.randoms(use_true_random=False))
def test_the_order_of_cases_does_not_matter_and_nothing_is_nan(grades, names, random):
    names = names[: len(grades)]
    order = list(range(len(grades)))
    random.shuffle(order)
    one = mean(grades, clusters=names)
    other = mean([grades[i] for i in order], clusters=[names[i] for i in order])

    assert (one.n, one.clusters) == (other.n, other.clusters)
    for a, b in (
        (one.value, other.value),
        (one.low, other.low),
        (one.high, other.high),
    ):
        assert (a is None and b is None) or a == pytest.approx(b, abs=1e-6)
    assert one.value is None or one.low <= one.value <= one.high


@given(st.lists(SHARES, min_size=15, max_size=30), st.floats(0.1, 50))
def test_the_interval_moves_with_the_scale(grades, factor):
    wide = mean([100 + factor * grade for grade in grades])
    twice = mean([100 + 2 * factor * grade for grade in grades])

    if wide.low is not None and twice.low is not None:
        assert twice.low - 100 == pytest.approx(
            2 * (wide.low - 100), rel=1e-3, abs=1e-3
        )


@given(GRADES, st.floats(0.1, 10))
def test_weights_that_are_all_the_same_change_nothing(grades, weight):
    plain = mean(grades)
    weighed = mean(grades, weights=[weight] * len(grades))

    assert weighed.method == plain.method
    assert weighed.low == pytest.approx(plain.low, abs=1e-6)


def test_many_cases_have_the_t_interval_of_scipy():
    values = np.random.default_rng(5).normal(3, 1, 300).tolist()
    other = stats.ttest_1samp(values, 0).confidence_interval()
    found = mean(values)

    assert found.method == "t"
    assert (found.low, found.high) == pytest.approx((other.low, other.high))


def test_the_bootstrap_is_close_to_scipys_and_a_little_wider():
    values = np.random.default_rng(6).lognormal(0, 1, 60)
    other = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="BCa", rng=1
    ).confidence_interval
    found = mean(values.tolist())

    assert found.method == "BCa bootstrap"
    assert found.low == pytest.approx(other.low, abs=0.06)
    assert found.high == pytest.approx(other.high, abs=0.15)


def test_clusters_of_one_case_each_are_no_clusters():
    values = np.random.default_rng(7).normal(size=250).tolist()
    alone = [f"c{i}" for i in range(250)]

    assert mean(values, clusters=alone) == mean(values)


def test_a_cluster_counts_as_what_it_is():
    """By hand: ten clusters of equal size are ten values, their means."""
    random = np.random.default_rng(8)
    middles = random.normal(size=10)
    values = [m + d for m in middles for d in (-0.1, 0.0, 0.1)]
    names = [f"c{i}" for i in range(10) for _ in range(3)]
    half = stats.t.ppf(0.975, 9) * np.std(middles, ddof=1) / sqrt(10)
    found = mean(values, clusters=names)

    assert found.clusters == 10
    assert found.low == pytest.approx(middles.mean() - half)
    assert found.high == pytest.approx(middles.mean() + half)


def test_copies_of_a_case_add_nothing():
    grades = [1, 0, 1, 1, 0, 1, 1, 1, 1, 0] * 3
    copied = mean(grades * 5, clusters=[f"c{i}" for i in range(30)] * 5, binary=True)
    plain = mean(grades, binary=True)

    assert copied.value == plain.value
    assert copied.high - copied.low >= plain.high - plain.low
    assert copied.high - copied.low == pytest.approx(plain.high - plain.low, rel=0.1)


@pytest.mark.parametrize(
    ("values", "method", "ends"),
    [
        ([], "no cases", (None, None)),
        ([7.0], "no interval: one independent case", (None, None)),
        ([7.0] * 9, "no interval: all cases are equal", (None, None)),
        ([1.0] * 300, "Wilson, as few cases differ", (0.987, 1.0)),
    ],
)
def test_what_has_no_spread_says_so(values, method, ends):
    found = mean(values)

    assert found.method == method
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-3)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([0.5], {"binary": True}),
        ([float("nan")], {}),
        ([1.0], {"weights": [-1.0]}),
        ([1.0], {"weights": []}),
        ([1.0], {"alpha": 0}),
    ],
)
def test_what_makes_no_sense_is_refused(values, options):
    with pytest.raises(Invalid):
        mean(values, **options)


def test_more_successes_than_cases_are_refused():
    with pytest.raises(Invalid, match="3 successes of 2"):
        rate(3, 2)


def test_cases_without_weight_are_left_out():
    assert len(gather([1, 2, 3], weights=[1, 0, 1])) == 2
    assert mean([1, 0], weights=[0, 0], binary=True).method == "no cases"


@given(GRADES, CLUSTERS)
def test_no_interval_reaches_beyond_the_bounds_of_the_grades(values, clusters):
    found = mean(values, clusters=clusters[: len(values)])
    bounded = within(found, (0.0, 1.0))

    assert within(found, None) == found
    assert (bounded.value, bounded.n, bounded.method) == (
        found.value,
        found.n,
        found.method,
    )
    if bounded.low is not None:
        assert 0 <= bounded.low <= bounded.value <= bounded.high <= 1
        assert bounded.low == max(0, found.low)
        assert bounded.high == min(1, found.high)


def test_bounds_hide_no_value_that_is_beyond_them():
    found = within(mean([1.2] * 9 + [1.4] * 9), (0.0, 1.0))

    assert found.value == pytest.approx(1.3)
    assert found.high == found.value
