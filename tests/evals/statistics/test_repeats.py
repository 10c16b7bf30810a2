"""Several answers to each case."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.repeats import (
    Split,
    flaky,
    pass_all,
    pass_any,
    pass_rates,
    split,
)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_they_are_the_mean_over_all_choices_of_k(passed, data):
    k = data.draw(st.integers(1, len(passed)))
    chosen = list(combinations(passed, k))
    some = sum(map(any, chosen)) / len(chosen)
    every = sum(map(all, chosen)) / len(chosen)

    assert pass_any(k, len(passed), sum(passed)) == pytest.approx(some)
    assert pass_all(k, len(passed), sum(passed)) == pytest.approx(every)


def test_a_set_has_both_rates_with_intervals():
    answers = {f"c{i}": [1, 1, 0] if i % 2 else [1, 1, 1] for i in range(40)}
    answers["once"] = [1]
    some, every = pass_rates(answers, 2)

    assert some.n == 40
    assert (some.value, every.value) == (1, pytest.approx(2 / 3))
    assert some.low < 1
    assert every.low < 2 / 3 < every.high


def test_the_variance_is_split_as_it_was_made():
    random = np.random.default_rng(4)
    middles = random.normal(0, 2, 800)
    answers = {
        str(i): random.normal(middle, 1, 3 + i % 3).tolist()
        for i, middle in enumerate(middles)
    }
    found = split(answers)

    assert found.between == pytest.approx(4, rel=0.15)
    assert found.within == pytest.approx(1, rel=0.1)
    assert found.icc == pytest.approx(0.8, abs=0.04)


def test_one_way_analysis_by_hand():
    assert split({"a": [1, 3], "b": [5, 7]}) == Split(7, 2, pytest.approx(7 / 9))
    assert split({"a": [1], "b": [3]}) == Split(2, None, None)
    assert split({"a": [1, 1], "b": [1, 1]}) == Split(0, 0, None)
    assert split({}) == Split(None, None, None)


def test_flaky_cases_are_named():
    assert flaky({"a": [1, 0], "b": [1, 1], "c": [0, 0], "d": []}) == ["a"]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(Invalid):
        pass_any(3, 2, 1)
    with pytest.raises(Invalid, match="pass or fail"):
        pass_rates({"a": [0.5, 1]}, 2)
