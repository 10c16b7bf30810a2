import numpy as np
import pytest

from roadbed.evals.graders import _sets
from roadbed.evals.graders._sets import Weighed, drawn, left_out, rate
from roadbed.evals.statistics.intervals import wilson


def mean_of(values):
    return lambda weights: float(weights @ values / weights.sum())


@pytest.mark.parametrize("size", [1, 4])
def test_both_ways_to_an_interval_agree_on_many_cases(size):
    """Seed 2; 1,500 clusters of one and of four that are all alike."""
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(size=1500), size)
    over = Weighed(np.ones(len(values)), np.repeat(np.arange(1500), size))
    (a, b), (c, d) = drawn(mean_of(values), over), left_out(mean_of(values), over)

    assert (d - c) / (b - a) == pytest.approx(1, abs=0.3)
    assert b - a == pytest.approx(2 * 1.96 / np.sqrt(1500), rel=0.15)


def test_a_rate_is_covered_as_often_as_is_said():
    """Pass rate .99 and n = 50, where the usual interval covers 40 % (seed 4)."""
    rng, covered = np.random.default_rng(4), 0
    over = Weighed(np.ones(50), np.arange(50))
    for _ in range(400):
        _, low, high = rate((rng.random(50) < 0.99).astype(float), over)
        covered += low <= 0.99 <= high

    assert covered / 400 > 0.9


def test_without_a_draw_of_luck_wilson_is_wilson():
    over = Weighed(np.ones(40), np.arange(40))
    right = np.repeat([1.0, 0.0], [30, 10])

    assert rate(right, over)[1:] == pytest.approx(wilson(30, 40, 0.05))
    with pytest.raises(ValueError, match="weight"):
        rate(right, Weighed(np.zeros(40), np.arange(40)))


def test_few_clusters_have_no_interval():
    over = Weighed(np.ones(90), np.repeat(np.arange(9), 10))

    assert _sets.interval(mean_of(np.arange(90.0)), over) == (None, None)
