"""What is independent of one another: single cases, or clusters of cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

from roadbed.core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Units:
    """Independent units, in an order that does not depend on that of the cases.

    `totals` are the sums of weight times value in each unit and `weights` the sums of
    weights, the largest of a case being 1: arrays of one length. `n` counts the cases,
    those of weight 0, or next to it, left out. `plain` says that every case stands
    alone and weighs the same.
    """

    totals: Any
    weights: Any
    n: int
    clustered: bool
    plain: bool

    def __len__(self) -> int:
        return len(self.totals)

    @property
    def mean(self) -> float:
        """The weighted mean of all cases."""
        return float(self.totals.sum() / self.weights.sum())

    @property
    def effective(self) -> float:
        """How many units of equal weight would tell as much (Kish)."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    @property
    def error(self) -> float:
        """The standard error of the mean, robust to what units have in common inside.

        0 where it cannot be known: of one unit, of one that outweighs all others a
        hundredfold, or of units that are all equal.
        """
        size = self.effective
        if len(self) < 2 or size < 1.01:
            return 0.0
        apart = self.totals - self.mean * self.weights
        squares = float((apart**2).sum()) / float(self.weights.sum()) ** 2
        scale = float(abs(self.totals).sum() / self.weights.sum())
        error = sqrt(squares * size / (size - 1))
        return 0.0 if error <= 1e-12 * scale else error

    def turned(self) -> "Units":
        """Return the units of the negated values."""
        return _ordered(-self.totals, self.weights, self.n, self.clustered, self.plain)


def gather(
    values: Sequence[float],
    weights: Sequence[float] | None = None,
    clusters: Sequence[str] | None = None,
) -> Units:
    """Return the units of *values*. A cluster without a name is a case alone.

    Raises Invalid for lengths that differ, for a weight below 0, and for what is no
    finite number.
    """
    import numpy as np

    _check(values, weights, clusters)
    heavy = [1.0] * len(values) if weights is None else [float(w) for w in weights]
    least = 1e-12 * max(heavy, default=0.0)
    kept = [i for i, weight in enumerate(heavy) if weight > least]
    names = _places(kept, clusters)
    size = max(names, default=-1) + 1
    weight = np.array([heavy[i] for i in kept], dtype=float)
    even = bool((weight == weight[:1]).all())
    weight = np.ones(len(kept)) if even else weight / weight.max()
    value = np.array([values[i] for i in kept], dtype=float)
    totals = np.bincount(names, weight * value, minlength=size)
    sums = np.bincount(names, weight, minlength=size)
    clustered = size < len(kept)
    return _ordered(totals, sums, len(kept), clustered, even and not clustered)


def _check(
    values: Sequence[float],
    weights: Sequence[float] | None,
    clusters: Sequence[str] | None,
) -> None:
    for other in (weights, clusters):
        if other is not None and len(other) != len(values):
            raise Invalid(f"{len(values)} values, and {len(other)} for them")
    if not all(isfinite(value) for value in values):
        raise Invalid("a value is no finite number", hint="leave such a case out")
    if weights is not None and not all(isfinite(w) and w >= 0 for w in weights):
        raise Invalid("a weight is no finite number of at least 0")


def _places(kept: Sequence[int], clusters: Sequence[str] | None) -> list[int]:
    """Return the number of the unit of each case that is *kept*."""
    if clusters is None:
        return list(range(len(kept)))
    seen: dict[str | int, int] = {}
    return [seen.setdefault(clusters[i] or i, len(seen)) for i in kept]


def _ordered(
    totals: Any, weights: Any, n: int, clustered: bool, plain: bool
) -> "Units":
    import numpy as np

    order = np.lexsort((weights, totals))
    return Units(totals[order], weights[order], n, clustered, plain)
