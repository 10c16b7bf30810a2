"""What cases can show, before they are asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.paired import Pair
from roadbed.evals.statistics.power import (
    Spread,
    design_effect,
    detectable,
    history,
    needed,
)


def test_it_is_the_power_of_the_paired_t_test():
    """By the noncentral t: the usual sum of two quantiles is close to it."""
    spread = Spread(0.04, 0, "a test")
    found = detectable(120, spread=spread)
    shift = found.detectable / found.error
    power = stats.nct.sf(stats.t.ppf(0.975, 119), 119, shift)

    assert power == pytest.approx(0.8, abs=0.01)


def test_the_research_is_met():
    """Related models: 1.8 to 2.6 points at 803 cases, paired standard errors known."""
    for error, points in ((0.0066, 0.018), (0.0091, 0.026)):
        found = detectable(803, spread=Spread(803 * error**2, 0, "a paper"))

        assert found.detectable == pytest.approx(points, abs=0.001)


@given(
    st.floats(0.005, 0.5),
    st.floats(0.001, 0.5),
    st.floats(1, 20),
    st.sampled_from([0.01, 0.05]),
)
def test_so_many_cases_are_enough_and_one_less_is_not(tolerance, spread, design, alpha):
    options = {"spread": Spread(spread), "design": design, "alpha": alpha}
    n = needed(tolerance, **options)

    assert detectable(n, **options).settles(tolerance)
    assert not detectable(n - 1, **options).settles(tolerance)


def test_repeats_help_only_against_what_is_within_a_case():
    noisy, steady = Spread(0.0, 0.2), Spread(0.2, 0.0)

    assert detectable(100, spread=noisy, repeats=4).error == pytest.approx(
        detectable(100, spread=noisy).error / 2
    )
    assert detectable(100, spread=steady, repeats=4).error == pytest.approx(
        detectable(100, spread=steady).error
    )


def test_clusters_count_for_less():
    assert design_effect(["a"] * 10 + ["b"] * 10, 0.5) == pytest.approx(5.5)
    assert design_effect(["a"] * 10, 1.0) == pytest.approx(10)
    assert design_effect(["", "", "c"], 1.0) == 1
    assert design_effect([]) == 1


def test_the_past_tells_the_spread_if_it_is_long_enough():
    random = np.random.default_rng(1)
    pairs = [Pair(0, d) for d in random.normal(0, 0.3, 4000)]

    assert history(pairs).between == pytest.approx(0.09, rel=0.1)
    assert history(pairs, within=0.1, repeats=2).of(2) == history(pairs).of(2)
    assert history(pairs[:29]) is None
    assert history([Pair(1, 1)] * 500) is None


def test_the_statement_says_all_that_it_depends_on():
    few = detectable(100, repeats=3, design=2)

    assert few.sentence() == (
        "100 cases (as many as 50 independent ones), each 3 times show a difference of "
        "0.202 with 80 % probability, at an error rate of 5 % (expected standard error "
        "0.071, from a cautious guess)"
    )
    assert detectable(0).sentence() == "0 cases can show no difference"
    assert not detectable(1).settles(1.0)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(Invalid, match="no number of cases"):
        needed(0)
    with pytest.raises(Invalid, match="billion"):
        needed(1e-9)
    with pytest.raises(Invalid):
        design_effect(["a"], 2)
    with pytest.raises(Invalid):
        detectable(10, repeats=0)
