"""Agreement: published values, bounds, and what means nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.agreement import accuracy, kappa, krippendorff, percent

_ = None
RATERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
"""Krippendorff (2011), section D: alpha is .743 nominal and .849 interval."""
LABELS = st.lists(st.sampled_from("abc"), min_size=2, max_size=40)


def test_published_values_come_out():
    units = list(zip(*RATERS, strict=True))
    one, other = "y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15

    assert krippendorff(units).value == pytest.approx(0.743, abs=5e-4)
    assert krippendorff(units, "interval").value == pytest.approx(0.849, abs=5e-4)
    assert kappa(one, other).value == pytest.approx(0.4)


def test_kappas_interval_is_that_of_its_standard_error():
    """By the formula for large samples, sqrt(po (1 - po) / n) / (1 - pe)."""
    one, other = "y" * 250 + "n" * 250, "y" * 200 + "n" * 50 + "y" * 100 + "n" * 150
    found = kappa(one, other)
    half = 1.96 * (0.7 * 0.3 / 500) ** 0.5 / 0.5

    assert found.low == pytest.approx(0.4 - half, abs=0.01)
    assert found.high == pytest.approx(0.4 + half, abs=0.01)


@given(LABELS, st.data())
def test_all_measures_are_within_their_bounds(one, data):
    other = data.draw(
        st.lists(st.sampled_from("abc"), min_size=len(one), max_size=len(one))
    )
    back = krippendorff(list(zip(other, one, strict=True)))
    for found in (
        percent(one, other),
        kappa(one, other),
        krippendorff(list(zip(one, other, strict=True))),
    ):
        if found.value is not None:
            assert -1 <= found.low <= found.value <= found.high <= 1
    assert kappa(one, other).value == kappa(other, one).value or kappa(
        one, other
    ).value == pytest.approx(kappa(other, one).value)
    assert (back.value is None) == (len({*one, *other}) == 1)


@given(LABELS.filter(lambda labels: len(set(labels)) > 1))
def test_whoever_agrees_with_himself_agrees_but_is_not_known_to_for_ever(labels):
    for found in (
        kappa(labels, labels),
        krippendorff([(label, label) for label in labels]),
    ):
        assert found.value == pytest.approx(1)
        assert found.low < 1


@given(LABELS, st.randoms(use_true_random=False))
def test_the_order_of_cases_does_not_matter(labels, random):
    pairs = [(label, random.choice("abc")) for label in labels]
    mixed = random.sample(pairs, len(pairs))

    assert kappa(*zip(*pairs, strict=True)) == kappa(*zip(*mixed, strict=True))
    assert krippendorff(pairs) == krippendorff(mixed)


def test_chance_is_no_agreement():
    random = np.random.default_rng(3)
    one, other = random.integers(0, 3, (2, 3000)).tolist()
    found = kappa(one, other)
    units = list(zip(one, other, strict=True))

    assert found.low < 0 < found.high
    assert krippendorff(units).value == pytest.approx(found.value, abs=0.01)


def test_a_constant_says_nothing_however_often_it_agrees():
    assert percent("y" * 50, "y" * 50).value == 1
    assert kappa("y" * 50, "y" * 50).value is None
    assert (
        krippendorff([("y", "y")] * 50).method == "no alpha: all ratings are the same"
    )
    assert kappa([], []).method == "no cases"


def test_a_judge_has_two_rates_in_each_slice():
    judge = [True, True, False, False, True]
    human = [True, True, True, False, False]
    found = accuracy(judge, human, [["a"], ["a"], ["b"], ["b"], []])

    assert found[""].sensitivity.value == pytest.approx(2 / 3)
    assert found[""].specificity.value == pytest.approx(1 / 2)
    assert found["a"].sensitivity.value == 1
    assert found["a"].specificity.value is None
    assert found["b"].specificity.value == 1


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(Invalid):
        percent("a", "ab")
