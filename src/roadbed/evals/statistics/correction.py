"""What a judge's scores come to once people labelled some of the cases.

A judge errs, and in one direction more than in the other, so the mean of its scores is
not what people would say. Prediction-powered inference (PPI++, Angelopoulos, Duchi and
Zrnic 2023) takes the mean of the labels and sharpens it by the scores, as far as they
go along with the labels; so it is right even if the judge is not. The labelled cases
have to be a random part of all, not those that looked odd.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.intervals import SPARSE, Interval, level, mean, wilson
from roadbed.evals.statistics.paired import Comparison, Pair, compare
from roadbed.evals.statistics.units import gather

FEWEST = 20
"""With fewer labels than this, only they are looked at."""
_ALONE = "human labels alone: "


@dataclass(frozen=True, slots=True)
class _Estimate:
    """The corrected mean, its standard error and the degrees of freedom of it.

    `alone` is the standard error that the labels would have without the scores.
    """

    value: float
    error: float
    freedom: float
    clusters: int
    alone: float


def corrected_mean(
    judged: Sequence[float],
    human: Sequence[float | None],
    *,
    clusters: Sequence[str] | None = None,
    binary: bool = False,
    alpha: float = 0.05,
) -> Interval:
    """Return what people would say on average: *human* is None where none said it.

    Falls back on the labels alone where there are fewer than twenty, or where they
    are all the same. *binary* keeps the interval within 0 and 1, by Wilson's with the
    effective number of labels. Raises Invalid for lists that do not fit together.
    """
    level(alpha)
    found = _estimate(judged, human, clusters)
    if found is None:
        kept = [i for i, label in enumerate(human) if label is not None]
        names = None if clusters is None else [clusters[i] for i in kept]
        labels = [label for label in human if label is not None]
        alone = mean(labels, clusters=names, binary=binary, alpha=alpha)
        return _alone(alone)
    low, high = _bounded(found, alpha) if binary else _ends(found, alpha)
    return Interval(
        value=min(max(found.value, 0.0), 1.0) if binary else found.value,
        low=low,
        high=high,
        n=len(judged),
        clusters=found.clusters,
        method=_method(human, found),
        alpha=alpha,
    )


def corrected_difference(
    judged: Sequence[Pair],
    human: Sequence[Pair | None],
    *,
    binary: bool = False,
    alpha: float = 0.05,
) -> Comparison:
    """Return how two versions differ by what people would say of them.

    *judged* are the judge's grades of all cases; *human* people's grades of the same
    case, None where nobody graded both answers. Weights are not taken into account.
    Falls back on the labels alone also where hardly any of them differ: of those few
    nobody knows how the rest spreads. Raises as `corrected_mean`.
    """
    level(alpha)
    scores = [pair.candidate - pair.baseline for pair in judged]
    labels = [
        None if pair is None else pair.candidate - pair.baseline for pair in human
    ]
    found = _estimate(scores, labels, [pair.cluster for pair in judged])
    moved = sum(bool(label) for label in labels)
    few = moved < SPARSE and 2 * moved <= sum(label is not None for label in labels)
    if found is None or few:
        return _labels_alone(judged, human, binary, alpha)
    from scipy.special import stdtr

    # Cases in which nothing differs say little of how differences spread.
    found = replace(found, freedom=min(found.freedom, moved - 1))

    low, high = _ends(found, alpha)
    return Comparison(
        difference=found.value,
        low=low,
        high=high,
        p=float(2 * stdtr(found.freedom, -abs(found.value) / found.error)),
        n=len(judged),
        clusters=found.clusters,
        method=_method(labels, found),
        alpha=alpha,
    )


def _labels_alone(
    judged: Sequence[Pair], human: Sequence[Pair | None], binary: bool, alpha: float
) -> Comparison:
    kept = [
        Pair(label.baseline, label.candidate, cluster=pair.cluster)
        for pair, label in zip(judged, human, strict=True)
        if label is not None
    ]
    found = compare(kept, binary=binary, alpha=alpha)
    return replace(found, method=f"{_ALONE}{found.method}")


def _estimate(
    judged: Sequence[float],
    human: Sequence[float | None],
    clusters: Sequence[str] | None,
) -> _Estimate | None:
    """Return the estimate by PPI++; None where the labels have to do alone."""
    import numpy as np

    if len(judged) != len(human):
        raise Invalid(f"{len(judged)} scores, and {len(human)} labels or gaps for them")
    seen = np.array([label is not None for label in human], dtype=bool)
    score = np.array(judged, dtype=float)
    label = np.array([0.0 if x is None else x for x in human], dtype=float)
    if seen.sum() < FEWEST or not _moves(label[seen]):
        return None
    trust = _trust(score, label, seen)
    value = label[seen].mean() - trust * score[seen].mean()
    pull = np.zeros(len(score))
    rest = ~seen
    if rest.any():
        value += trust * score[rest].mean()
        pull[rest] = trust * (score[rest] - score[rest].mean()) / rest.sum()
    left = label[seen] - trust * score[seen]
    pull[seen] = (left - left.mean()) / seen.sum()
    apart = (label[seen] - label[seen].mean()) / seen.sum()
    return _with_error(float(value), pull, apart, seen, clusters)


def _with_error(
    value: float, pull: Any, apart: Any, seen: Any, clusters: Sequence[str] | None
) -> _Estimate | None:
    """Return the estimate; *pull* is what each case adds to its error, *apart* what
    each label would add to that of the labels alone."""
    units = gather(pull.tolist(), clusters=clusters)
    kept: list[int] = seen.nonzero()[0].tolist()
    names = None if clusters is None else [clusters[i] for i in kept]
    labelled = gather([1.0] * int(seen.sum()), clusters=names).effective
    if labelled < 2:
        return None
    more = labelled / (labelled - 1)
    error = sqrt(float((units.totals**2).sum()) * more)
    if not error:
        return None
    left = gather(apart.tolist(), clusters=names).totals
    alone = sqrt(float((left**2).sum()) * more)
    return _Estimate(value, error, labelled - 1, len(units), alone)


def _trust(score: Any, label: Any, seen: Any) -> float:
    """Return how far the scores are followed, from 0 to 1: the least variance."""
    n, others = int(seen.sum()), int((~seen).sum())
    spread = float(score.var())
    if not others or not spread:
        return 0.0
    together = float(((score[seen] - score[seen].mean()) * label[seen]).sum()) / (n - 1)
    return min(max(together / (spread * (1 + n / others)), 0.0), 1.0)


def _moves(labels: Any) -> bool:
    return bool((labels != labels[0]).any())


def _ends(found: _Estimate, alpha: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    half = float(stdtrit(found.freedom, 1 - alpha / 2)) * found.error
    return found.value - half, found.value + half


def _bounded(found: _Estimate, alpha: float) -> tuple[float, float]:
    from scipy.special import ndtri, stdtrit

    if not 0 < found.value < 1:
        low, high = _ends(found, alpha)
        return min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)
    narrow = float(ndtri(0.975) / stdtrit(found.freedom, 0.975)) ** 2
    size = found.value * (1 - found.value) / found.error**2 * narrow
    return wilson(found.value * size, size, alpha)


def _method(human: Sequence[Any], found: _Estimate) -> str:
    """Return the method in words: how many labels there are, and how many without the
    judge would know as much."""
    count = sum(label is not None for label in human)
    worth = round(count * (found.alone / found.error) ** 2)
    return f"PPI++ with {count:,} human labels, worth {worth:,}"


def _alone(found: Interval) -> Interval:
    return Interval(
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        clusters=found.clusters,
        method=f"{_ALONE}{found.method}",
        alpha=found.alpha,
    )
