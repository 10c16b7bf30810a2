"""How often a gate errs, by simulation: the short form of `bench/verdicts.py`.

Seeds are fixed. Bounds are the counts beyond which a gate that keeps its word would
come once in ten thousand choices of seeds.
"""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from roadbed.evals.statistics.intervals import mean
from roadbed.evals.statistics.multiplicity import share
from roadbed.evals.statistics.paired import Pair, compare
from roadbed.evals.statistics.power import Spread, design_effect, detectable, needed
from roadbed.evals.statistics.verdict import judge

TOLERANCE = 0.03
WORLDS = 200


def at_most(rate, worlds=WORLDS):
    return stats.binom.ppf(0.9999, worlds, rate)


def at_least(rate, worlds=WORLDS):
    return stats.binom.ppf(0.0001, worlds, rate)


def binary(seed, n, loss):
    """Return pairs of right and wrong, 4 % each way besides the *loss*."""
    chances = [0.04 + loss, 0.04, 0.92 - loss]
    lost, gained, same = np.random.default_rng(seed).multinomial(n, chances)
    return [Pair(1, 0)] * lost + [Pair(0, 1)] * gained + [Pair(1, 1)] * same


def graded(seed, n, loss):
    chance = np.random.default_rng(seed)
    before = chance.beta(4, 1.5, n)
    after = before + chance.normal(-loss, 0.17, n)
    return [Pair(b, a) for b, a in zip(before.tolist(), after.tolist(), strict=True)]


def outcomes(make, n, loss, is_binary):
    return Counter(
        judge(
            tolerance=TOLERANCE,
            comparison=compare(make(seed, n, loss), binary=is_binary),
        ).outcome
        for seed in range(WORLDS)
    )


@pytest.mark.parametrize(
    ("make", "variance", "is_binary"),
    [(binary, 0.11 - 0.03**2, True), (graded, 0.17**2, False)],
    ids=["binary", "graded"],
)
def test_a_set_sized_for_three_points_catches_three_and_lets_none_pass(
    make, variance, is_binary
):
    n = needed(TOLERANCE, spread=Spread(variance, 0, "the world"))
    worse = outcomes(make, n, TOLERANCE, is_binary)
    same = outcomes(make, n, 0.0, is_binary)
    print(f"seeds 0 to {WORLDS - 1}, {n} cases: 3 points {worse}, 0 points {same}")

    assert worse["failed"] >= at_least(0.78)
    assert worse["passed"] <= at_most(0.025)
    assert same["passed"] >= at_least(0.78)
    assert same["failed"] <= at_most(0.025)


def test_five_graders_err_no_more_than_one():
    alpha = share(0.05, 5)
    wrong = sum(
        any(
            compare(binary(5 * seed + i, 150, 0), binary=True, alpha=alpha).high < 0
            for i in range(5)
        )
        for seed in range(WORLDS)
    )

    assert wrong <= at_most(0.025)


def test_cases_of_one_source_are_not_counted_as_many():
    naive = robust = 0
    for seed in range(WORLDS):
        chance = np.random.default_rng(seed)
        names = np.repeat(np.arange(30), chance.poisson(7, 30) + 2)
        apart = chance.normal(0, 1, 30)[names] + chance.normal(0, 1, len(names))
        pairs = [Pair(0, d, 1, f"s{c}") for d, c in zip(apart, names, strict=True)]
        robust += compare(pairs).p < 0.05
        naive += compare([Pair(0, p.candidate) for p in pairs]).p < 0.05

    assert robust <= at_most(0.06)
    assert naive > at_most(0.15)


def test_a_rate_of_few_sources_is_covered():
    covered = 0
    for seed in range(WORLDS):
        chance = np.random.default_rng(seed)
        names = np.repeat(np.arange(15), chance.poisson(7, 15) + 1)
        shared = (chance.random(15) < 0.9)[names]
        passed = np.where(chance.random(len(names)) < 0.7, shared, 1).tolist()
        labels = [f"s{c}" for c in names]
        found = mean([float(x) for x in passed], clusters=labels, binary=True)
        covered += found.low <= 0.9 * 0.7 + 0.3 <= found.high

    assert covered >= at_least(0.95)


def test_what_is_said_before_the_run_is_what_the_run_has():
    """The expected standard error of clustered cases, beside that of 200 runs."""
    names = np.repeat(np.arange(40), 5)
    found = []
    for seed in range(WORLDS):
        chance = np.random.default_rng(seed)
        shared = chance.normal(0, 0.3, 40)[names]
        found.append(float((shared + chance.normal(0, 0.3, 200)).mean()))
    design = design_effect([str(c) for c in names], 0.5)
    said = detectable(200, spread=Spread(0.18), design=design)

    assert np.std(found) == pytest.approx(said.error, rel=0.2)
