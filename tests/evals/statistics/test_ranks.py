"""Wilcoxon's signed ranks against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.ranks import wilcoxon


@pytest.mark.parametrize(
    ("n", "method"), [(12, "exact"), (35, "exact"), (90, "approx")]
)
def test_it_is_scipys(n, method):
    random = np.random.default_rng(n)
    before, after = random.normal(0, 1, n), random.normal(0.3, 1, n)
    other = stats.wilcoxon(before, after, method=method).pvalue

    assert wilcoxon(before, after) == pytest.approx(other)


def test_ties_are_counted_out():
    """By hand: signs of 1, 1, 1, 2 make 16 sums; 2 of them are as far as 4 up."""
    assert wilcoxon([0, 0, 0, 0], [1, 1, 1, 2]) == pytest.approx(2 / 16)
    assert wilcoxon([0, 0, 0, 0, 5], [1, 1, 1, 2, 5]) == pytest.approx(2 / 16)


def test_many_ties_are_corrected_for_as_scipy_does():
    random = np.random.default_rng(4)
    before, after = random.integers(0, 4, 200), random.integers(0, 5, 200)
    other = stats.wilcoxon(before, after, method="approx").pvalue

    assert wilcoxon(before, after) == pytest.approx(other)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=60))
def test_either_direction_is_as_likely(pairs):
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    p = wilcoxon(before, after)

    assert 0 < p <= 1
    assert p == pytest.approx(wilcoxon(after, before))
    assert p == pytest.approx(wilcoxon([3 * b for b in before], [3 * a for a in after]))


def test_pairs_have_two_halves():
    with pytest.raises(Invalid):
        wilcoxon([1], [])
