"""Paired comparisons: published values, other formulas, rules for all inputs."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.bootstrap import flip
from roadbed.evals.statistics.matched import mcnemar, tango
from roadbed.evals.statistics.paired import Pair, compare
from roadbed.evals.statistics.units import gather

BITS = st.sampled_from([0.0, 1.0])
BINARY = st.lists(st.builds(Pair, BITS, BITS), max_size=40)
GRADE = st.floats(0, 1, allow_nan=False)
GRADED = st.lists(
    st.builds(
        Pair, GRADE, GRADE, st.sampled_from([1.0, 2.0]), st.sampled_from(["", "a", "b"])
    ),
    max_size=30,
)


def swapped(pairs):
    return [Pair(p.candidate, p.baseline, p.weight, p.cluster) for p in pairs]


def test_published_values_come_out():
    """Airway hyper-responsiveness (Bentur 2009) in Fagerland et al. 2013 and 2014."""
    assert mcnemar(1, 7) == pytest.approx(0.039, abs=5e-4)
    assert tango(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("counts", [(4, 15, 90), (0, 6, 40), (40, 20, 160)])
def test_tango_is_the_score_interval_with_the_likeliest_shares(counts):
    """The same by brute force: maximise the likelihood under each difference."""
    gained, lost, n = counts

    def score(guess):
        def unlikely(share):
            rest = 1 - 2 * share - guess
            parts = (gained, share + guess), (lost, share), (n - gained - lost, rest)
            return -sum(k * np.log(max(p, 1e-12)) for k, p in parts if k)

        bounds = (max(0.0, -guess), (1 - guess) / 2)
        share = optimize.minimize_scalar(
            unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-10}
        ).x
        variance = (2 * share + guess - guess**2) / n
        return ((gained - lost) / n - guess) / sqrt(variance)

    low, high = tango(gained, lost, n)

    assert score(low) == pytest.approx(1.96, abs=0.01)
    assert score(high) == pytest.approx(-1.96, abs=0.01)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 60))
def test_the_interval_is_around_the_difference_and_mirrors(gained, lost, same):
    n = gained + lost + same
    low, high = tango(gained, lost, n)

    assert -1 <= low <= (gained - lost) / n <= high <= 1
    assert tango(lost, gained, n) == pytest.approx((-high, -low), abs=1e-9)
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


@given(BINARY)
def test_swapped_versions_turn_the_answer_around(pairs):
    one, other = compare(pairs, binary=True), compare(swapped(pairs), binary=True)

    assert one.p == other.p
    if one.low is not None:
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@given(GRADED)
def test_so_do_versions_of_any_grade_and_nothing_is_nan(pairs):
    one, other = compare(pairs), compare(list(reversed(swapped(pairs))))

    assert 0 <= one.p <= 1
    assert one.p == pytest.approx(other.p, abs=1e-3)
    if one.low is None:
        assert one.method == "no cases"
    else:
        assert one.low - 1e-9 <= one.difference <= one.high + 1e-9
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-6)


@given(BINARY.filter(len), st.integers(1, 30))
def test_cases_that_do_not_differ_leave_the_test_as_it_is(pairs, more):
    one = compare(pairs, binary=True)
    other = compare(pairs + [Pair(1, 1)] * more, binary=True)

    assert other.p == one.p
    assert abs(other.difference) <= abs(one.difference)


def test_what_moves_nothing_is_known_to_within_what_few_cases_can_say():
    found = compare([Pair(1, 1)] * 30, binary=True)
    fractions = compare([Pair(0.5, 0.5)] * 30)

    assert (found.difference, found.p) == (0, 1)
    assert found.high == pytest.approx(stats.norm.ppf(0.975) ** 2 / (30 + 3.8415), 1e-3)
    assert (fractions.low, fractions.high) == pytest.approx((found.low, found.high))


def test_many_graded_cases_have_the_paired_t_of_scipy():
    random = np.random.default_rng(1)
    before, after = random.normal(2, 1, 300), random.normal(2.1, 1, 300)
    other = stats.ttest_rel(after, before)
    found = compare([Pair(b, a) for b, a in zip(before, after, strict=True)])

    assert found.p == pytest.approx(other.pvalue)
    assert (found.low, found.high) == pytest.approx(other.confidence_interval())


def test_sign_flips_agree_with_scipy_exact_and_drawn():
    random = np.random.default_rng(2)
    for n in (8, 60):
        moved = random.normal(0.3, 1, n)
        other = stats.permutation_test(
            (moved, -moved),
            lambda a, b: a.mean() - b.mean(),
            permutation_type="samples",
            n_resamples=20_000,
            rng=1,
        )

        assert flip(gather(moved.tolist())) == pytest.approx(other.pvalue, abs=0.02)


def test_copies_of_a_case_convince_nobody():
    random = np.random.default_rng(3)
    moved = random.normal(0.4, 1, 20)
    pairs = [Pair(0, d, 1, f"c{i}") for i, d in enumerate(moved) for _ in range(20)]
    found = compare(pairs)
    other = stats.ttest_1samp(moved, 0)

    assert (found.n, found.clusters) == (400, 20)
    assert found.p == pytest.approx(other.pvalue)


@pytest.mark.parametrize("weights", [(1, 1e-30), (89020, 1), (3e-180, 2e-309)])
def test_one_case_that_outweighs_all_others_is_one_case(weights):
    found = compare([Pair(1, 0, weight) for weight in weights])
    mixed = compare([Pair(1, 0, weights[0]), Pair(0, 0, weights[1])])

    assert found.low == mixed.low == -1
    assert found.high > 0.3


@pytest.mark.parametrize(
    ("pairs", "method"),
    [
        ([], "no cases"),
        ([Pair(3, 2)], "no interval: one independent case"),
        ([Pair(0.2, 0.4)], "sign flips, Tango, as few cases differ"),
        ([Pair(0.2, 0.4)] * 30, "sign flips, Tango, as few cases differ"),
        ([Pair(300, 300)] * 30, "sign flips, Tango, as few cases differ"),
        ([Pair(i, i % 3) for i in range(10)], "paired t"),
        ([Pair(i, i % 3) for i in range(50)], "sign flips, BCa bootstrap"),
        ([Pair(i, i % 3, 1, str(i % 9)) for i in range(50)], "paired t, clustered"),
    ],
)
def test_each_kind_of_data_has_its_method(pairs, method):
    assert compare(pairs).method == method


def test_a_grade_that_denies_being_binary_is_refused():
    with pytest.raises(Invalid, match="binary"):
        compare([Pair(0, 0.5)], binary=True)
