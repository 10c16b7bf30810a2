"""A judge's scores, corrected by what people said."""

import numpy as np
import pytest

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.correction import corrected_difference, corrected_mean
from roadbed.evals.statistics.intervals import mean
from roadbed.evals.statistics.paired import Pair, compare


def made(seed, rate=0.9, sensitivity=0.95, specificity=0.8, n=1000, labels=100):
    """Return scores of a judge that errs, and people's labels of the first cases."""
    random = np.random.default_rng(seed)
    true = random.random(n) < rate
    yes = np.where(true, sensitivity, 1 - specificity)
    judged = (random.random(n) < yes).astype(float)
    human = [float(t) if i < labels else None for i, t in enumerate(true)]
    return judged.tolist(), human


def test_a_biased_judge_is_put_right():
    judged, human = made(1, n=20_000, labels=10_000)
    found = corrected_mean(judged, human, binary=True)

    assert mean(judged, binary=True).high < 0.9
    assert found.low < 0.9 < found.high


def test_the_truth_is_covered_and_the_judge_alone_misses_it():
    """The research has .33 for the judge alone, and .93 corrected."""
    covered = alone = narrower = 0
    for seed in range(200):
        judged, human = made(seed)
        found = corrected_mean(judged, human, binary=True)
        naive = mean(judged, binary=True)
        people = mean(human[:100], binary=True)
        covered += found.low <= 0.9 <= found.high
        alone += naive.low <= 0.9 <= naive.high
        narrower += found.high - found.low < people.high - people.low

    assert covered >= 180
    assert alone <= 100
    assert narrower >= 150


def test_a_judge_who_knows_nothing_does_no_harm():
    random = np.random.default_rng(2)
    _, human = made(2, n=2000, labels=500)
    found = corrected_mean(random.random(2000).round().tolist(), human, binary=True)
    people = mean(human[:500], binary=True)

    assert found.value == pytest.approx(people.value, abs=0.01)
    assert found.high - found.low == pytest.approx(people.high - people.low, rel=0.1)


def test_labels_of_everything_leave_the_judge_no_say():
    judged, human = made(3, n=300, labels=300)

    assert corrected_mean(judged, human, binary=True).value == pytest.approx(
        mean(human, binary=True).value
    )


def test_few_or_equal_labels_speak_for_themselves():
    few = corrected_mean([1.0] * 50, [1.0, 0.0] + [None] * 48, binary=True)
    equal = corrected_mean([1.0] * 50, [1.0] * 30 + [None] * 20, binary=True)

    assert few.method == "human labels alone: Wilson"
    assert (few.n, equal.n) == (2, 30)
    assert equal.low < 1
    assert corrected_mean([], []).method == "human labels alone: no cases"


def test_copies_of_labels_convince_nobody():
    judged, human = made(4, n=400, labels=60)
    names = [f"c{i}" for i in range(400)]
    one = corrected_mean(judged, human, clusters=names)
    copied = corrected_mean(judged * 5, human * 5, clusters=names * 5)

    assert copied.value == pytest.approx(one.value, abs=2e-3)
    assert copied.high - copied.low == pytest.approx(one.high - one.low, rel=0.02)


def test_a_difference_that_only_the_judge_sees_is_taken_back():
    """The judge likes what the candidate does; people do not."""
    random = np.random.default_rng(5)
    quality = random.random(1000)
    liked = quality + random.normal(0.2, 0.05, 1000)
    judged = [Pair(q, c) for q, c in zip(quality, liked, strict=True)]
    same = quality + random.normal(0, 0.05, 1000)
    human = [
        Pair(q, s) if i < 150 else None
        for i, (q, s) in enumerate(zip(quality, same, strict=True))
    ]
    found = corrected_difference(judged, human)

    assert compare(judged).low > 0.15
    assert found.low < 0 < found.high
    assert found.high - found.low < 0.05
    none = corrected_difference(judged, [None] * 1000)
    assert none.method == "human labels alone: no cases"


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(Invalid):
        corrected_mean([1.0], [])
