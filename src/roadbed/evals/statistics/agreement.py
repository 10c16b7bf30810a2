"""How far two who judge the same answers agree, beyond chance."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.intervals import SPARSE, Interval, rate, wilson

RESAMPLES = 2000
SEED = 20_011


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a judge is right where people said yes, and where they said no."""

    sensitivity: Interval
    specificity: Interval


def percent(
    one: Sequence[Hashable], other: Sequence[Hashable], alpha: float = 0.05
) -> Interval:
    """Return the share of cases that both say the same of, with Wilson's interval."""
    _same_length(one, other)
    same = sum(a == b for a, b in zip(one, other, strict=True))
    return rate(same, len(one), alpha)


def kappa(
    one: Sequence[Hashable], other: Sequence[Hashable], alpha: float = 0.05
) -> Interval:
    """Return Cohen's kappa (1960): agreement beyond what chance would give.

    The interval is from resampled cases; with fewer than ten that disagree, it is
    Wilson's of the agreement, seen through the same chance. Without a value if both
    say the same one thing of everything: then agreement means nothing.
    """
    import numpy as np

    _same_length(one, other)
    n, labels = len(one), _numbered({*one, *other})
    if len(labels) < 2:
        return _none(n, "no kappa: all labels are the same" if n else "no cases")
    table = np.zeros((len(labels), len(labels)))
    for a, b in zip(one, other, strict=True):
        table[labels[a], labels[b]] += 1
    agreed, chance = _agreed(table / n)
    value = float((agreed - chance) / (1 - chance))
    if n - np.trace(table) < SPARSE:
        ends = [(end - chance) / (1 - chance) for end in wilson(agreed * n, n, alpha)]
        return _found(value, ends, n, alpha, "Wilson, as few cases differ")
    drawn = np.random.default_rng(SEED).multinomial(n, table.ravel() / n, RESAMPLES)
    agreed, chance = _agreed(drawn.reshape(-1, *table.shape) / n)
    values = (agreed - chance)[chance < 1] / (1 - chance)[chance < 1]
    ends = np.quantile(values, [alpha / 2, 1 - alpha / 2])
    return _found(value, ends, n, alpha, "bootstrap")


def krippendorff(
    units: Sequence[Sequence[Any]],
    scale: Literal["nominal", "interval"] = "nominal",
    alpha: float = 0.05,
) -> Interval:
    """Return Krippendorff's alpha; each of *units* has what raters said, None if not.

    Any number of raters, gaps allowed; units with fewer than two ratings say nothing.
    `interval` takes numbers, and how far apart they are. Krippendorff (2011). The
    interval is from resampled units, and widened where fewer than ten units disagree.
    Without a value if all ratings are the same.
    """
    import numpy as np

    kept = [[r for r in unit if r is not None] for unit in units]
    kept = sorted((unit for unit in kept if len(unit) > 1), key=repr)
    parts = _nominal(kept) if scale == "nominal" else _interval(kept)
    if not parts.apart_at_most:
        return _none(len(kept), "no alpha: all ratings are the same")
    value = float(parts.alpha(np.ones((1, len(kept))))[0])
    generator = np.random.default_rng(SEED)
    counts = generator.multinomial(len(kept), np.full(len(kept), 1 / len(kept)), 1000)
    values = parts.alpha(counts)
    ends = np.nanquantile(values, [alpha / 2, 1 - alpha / 2])
    if (parts.inside > 0).sum() < SPARSE:
        ends = min(ends[0], 1 - _most(parts, alpha) / parts.expected), max(*ends, value)
    return _found(value, ends, len(kept), alpha, "bootstrap of units")


def accuracy(
    judge: Sequence[bool],
    human: Sequence[bool],
    slices: Sequence[Sequence[str]] | None = None,
    alpha: float = 0.05,
) -> dict[str, Accuracy]:
    """Return sensitivity and specificity of the judge, over all (`""`) and by slice.

    *slices* are the tags of each case.
    """
    _same_length(judge, human)
    tags = slices or [()] * len(judge)
    names = ["", *sorted({tag for each in tags for tag in each})]
    rows = list(zip(judge, human, tags, strict=True))
    return {
        name: _accuracy([(j, h) for j, h, t in rows if not name or name in t], alpha)
        for name in names
    }


@dataclass(frozen=True, slots=True)
class _Parts:
    """What alpha is made of: disagreement inside each unit, and among all ratings.

    `sums` are numbers of each unit that `pooled` turns into the disagreement of all
    pairs; `apart_at_most` is the largest disagreement of two ratings.
    """

    sizes: Any
    inside: Any
    sums: Any
    pooled: Any
    apart_at_most: float

    @property
    def expected(self) -> float:
        total = float(self.sizes.sum())
        return float(self.pooled(self.sums.sum(0), total)) / (total * (total - 1))

    def alpha(self, counts: Any) -> Any:
        """Return alpha with each unit counted as often as a row of *counts* says."""
        import numpy as np

        total = counts @ self.sizes
        seen = (counts @ self.inside) / total
        chance = self.pooled((counts @ self.sums).T, total) / (total * (total - 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(chance > 0, 1 - seen / chance, np.nan)


def _most(parts: _Parts, alpha: float) -> float:
    """Return how large the disagreement inside units may be, if few disagree."""
    differs = parts.inside > 0
    wide = (parts.sizes * parts.apart_at_most).mean()
    each = parts.inside[differs].mean() if differs.any() else wide
    size = len(parts.sizes)
    share = wilson(int(differs.sum()), size, alpha)[1]
    return float(share * each * size / parts.sizes.sum())


def _nominal(units: Sequence[Sequence[Hashable]]) -> _Parts:
    import numpy as np

    labels = _numbered({rating for unit in units for rating in unit})
    counts = np.zeros((len(units), max(len(labels), 1)))
    for i, unit in enumerate(units):
        for rating in unit:
            counts[i, labels[rating]] += 1
    sizes = counts.sum(1)
    inside = (sizes**2 - (counts**2).sum(1)) / np.maximum(sizes - 1, 1)

    def pooled(sums: Any, total: Any) -> Any:
        return total**2 - (sums**2).sum(0)

    return _Parts(sizes, inside, counts, pooled, float(len(labels) > 1))


def _interval(units: Sequence[Sequence[float]]) -> _Parts:
    import numpy as np

    every = [float(rating) for unit in units for rating in unit]
    centre = sum(every) / len(every) if every else 0.0
    sums = np.array(
        [[sum(r - centre for r in u), sum((r - centre) ** 2 for r in u)] for u in units]
    ).reshape(-1, 2)
    sizes = np.array([len(unit) for unit in units], dtype=float)
    around = np.maximum(sizes * sums[:, 1] - sums[:, 0] ** 2, 0)
    wide = max(every) - min(every) if every else 0.0

    def pooled(both: Any, total: Any) -> Any:
        return 2 * (total * both[1] - both[0] ** 2)

    return _Parts(sizes, 2 * around / np.maximum(sizes - 1, 1), sums, pooled, wide**2)


def _accuracy(rows: Sequence[tuple[bool, bool]], alpha: float) -> Accuracy:
    yes = [bool(judge) for judge, human in rows if human]
    no = [not judge for judge, human in rows if not human]
    return Accuracy(rate(sum(yes), len(yes), alpha), rate(sum(no), len(no), alpha))


def _agreed(shares: Any) -> tuple[Any, Any]:
    """Return the agreement, and that of chance, of tables of shares."""
    agreed = shares.diagonal(axis1=-2, axis2=-1).sum(-1)
    return agreed, (shares.sum(-1) * shares.sum(-2)).sum(-1)


def _numbered(labels: set[Hashable]) -> dict[Hashable, int]:
    """Return a number for each label, the same in every process."""
    return {label: i for i, label in enumerate(sorted(labels, key=repr))}


def _same_length(one: Sequence[Any], other: Sequence[Any]) -> None:
    if len(one) != len(other):
        raise Invalid(f"{len(one)} ratings against {len(other)}")


def _none(n: int, method: str) -> Interval:
    return Interval(value=None, low=None, high=None, n=n, clusters=n, method=method)


def _found(value: float, ends: Any, n: int, alpha: float, method: str) -> Interval:
    low, high = float(max(ends[0], -1.0)), float(min(ends[1], 1.0))
    return Interval(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=n,
        clusters=n,
        method=method,
        alpha=alpha,
    )
