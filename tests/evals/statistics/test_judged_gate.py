"""A judge that is fooled by the candidate lets no worse version pass any more."""

from collections import Counter

import numpy as np

from roadbed.evals.statistics.correction import corrected_difference
from roadbed.evals.statistics.paired import Pair, compare
from roadbed.evals.statistics.verdict import judge

SEEDS = range(120)
TOLERANCE = 0.05


def world(seed, loss, labels=200, n=1000):
    """Return the judge's grades of two versions, and people's of the first cases.

    The version in service is right in 90 %, the candidate in *loss* less. The judge
    lets a tenth of the wrong answers of the one pass, and six tenths of the other's.
    """
    chance = np.random.default_rng(seed)
    before = chance.random(n) < 0.9
    moved = chance.random(n)
    after = np.where(before, moved >= (0.04 + loss) / 0.9, moved < 0.4)
    luck = chance.random(n)
    seen = [
        np.where(right, luck < 0.97, luck < fooled)
        for right, fooled in ((before, 0.1), (after, 0.6))
    ]
    judged = pairs(*seen)
    human = [*pairs(before, after)[:labels], *[None] * (n - labels)]
    return judged, human


def pairs(one, other):
    both = zip(one.astype(float).tolist(), other.astype(float).tolist(), strict=True)
    return [Pair(a, b) for a, b in both]


def test_a_fooled_judge_passes_no_worse_version_once_it_is_corrected():
    alone, corrected, covered = Counter(), Counter(), 0
    for seed in SEEDS:
        judged, human = world(seed, 2 * TOLERANCE)
        raw = compare(judged, binary=True)
        right = corrected_difference(judged, human, binary=True)
        alone[judge(tolerance=TOLERANCE, comparison=raw).outcome] += 1
        corrected[judge(tolerance=TOLERANCE, comparison=right).outcome] += 1
        covered += right.low <= -2 * TOLERANCE <= right.high

    print(f"seeds 0 to {SEEDS[-1]}: alone {dict(alone)}, corrected {dict(corrected)}")
    assert alone["passed"] >= 0.9 * len(SEEDS)
    assert corrected["passed"] == 0
    assert corrected["failed"] >= 0.8 * len(SEEDS)
    assert covered >= 0.9 * len(SEEDS)


def test_the_labels_are_worth_more_with_a_judge_that_agrees():
    judged, human = world(1, 0.0)
    blind = [Pair(float(s % 2), float(s % 3 > 0)) for s in range(1000)]
    worth = [
        int(corrected_difference(grades, human).method.split("worth ")[1])
        for grades in (judged, blind)
    ]
    assert worth[0] > 230
    assert 190 <= worth[1] <= 230


def test_few_labels_that_differ_speak_for_themselves():
    human = [Pair(1.0, 0.0 if n < 4 else 1.0) for n in range(60)]
    judged = [*human, *[Pair(1.0, 1.0)] * 300]
    found = corrected_difference(judged, [*human, *[None] * 300], binary=True)

    assert found.method == "human labels alone: McNemar mid-p, Tango"
    assert found.n == 60
    assert found.high - found.low > 0.1
