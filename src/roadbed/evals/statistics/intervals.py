"""How well a mean is known from some cases: an interval for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.bootstrap import bca
from roadbed.evals.statistics.units import Units, gather

MANY = 200
"""From so many units on, Student's t is as good as the bootstrap, and quicker."""
FEW = 15
"""Below so many units the bootstrap covers too little, and t is what is left."""
SPARSE = 10
"""If fewer units than this differ from the rest, their spread is not to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value and the interval that it is known within, at confidence 1 - `alpha`.

    `n` counts the cases and `clusters` those that are independent of one another.
    Nothing is ever NaN: without cases all three numbers are None, and without spread
    on an open scale the ends are; `method` says so.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    method: str
    alpha: float = 0.05


def rate(successes: float, n: float, alpha: float = 0.05) -> Interval:
    """Return the share of *successes* and its interval: Wilson's, modified.

    With up to three successes or failures Wilson's interval misses the truth too often
    at that side, so its end is moved out to that of a Poisson count (Brown, Cai and
    DasGupta 2001, section 4.1.1). Numbers need not be whole: an effective number of
    cases is one. Raises Invalid unless 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise Invalid(f"{successes:g} successes of {n:g} cases")
    level(alpha)
    if n == 0:
        return Interval(
            value=None, low=None, high=None, n=0, clusters=0, method="no cases"
        )
    low, high = wilson(successes, n, alpha)
    return Interval(
        value=successes / n,
        low=low,
        high=high,
        n=round(n),
        clusters=round(n),
        method="Wilson",
        alpha=alpha,
    )


def mean(
    values: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    clusters: Sequence[str] | None = None,
    binary: bool = False,
    alpha: float = 0.05,
) -> Interval:
    """Return the mean of *values* and its interval, by the method that suits them.

    | values | method |
    |---|---|
    | 0 or 1 | Wilson; with weights or clusters of the effective number of cases |
    | of 0 to 1, fewer than 10 differ | Wilson, which then is the wider one |
    | in clusters | t of the clusters, robust, degrees of freedom of their weights |
    | others, 15 to 199 | BCa bootstrap |
    | others | t |

    Raises Invalid for values that *binary* denies, and as `gather`.
    """
    level(alpha)
    if binary and not set(values) <= {0, 1}:
        raise Invalid("a binary grade is 0 or 1, and one is not")
    units = gather(values, weights, clusters)
    if not len(units):
        low, high, method = None, None, "no cases"
    elif binary:
        low, high, method = _rate_of(units, alpha)
    else:
        low, high, method = _mean_of(units, alpha, unit_scale(values))
    return Interval(
        value=units.mean if len(units) else None,
        low=low,
        high=high,
        n=units.n,
        clusters=len(units),
        method=method,
        alpha=alpha,
    )


def within(found: Interval, bounds: tuple[float, float] | None) -> Interval:
    """Return *found* with its ends inside of *bounds*, which no mean can be beyond.

    A value that is beyond them all the same is shown as it is. None bounds nothing.
    """
    if bounds is None or found.value is None:
        return found
    low, high = found.low, found.high
    if low is not None:
        low = min(found.value, max(low, bounds[0]))
    if high is not None:
        high = max(found.value, min(high, bounds[1]))
    return replace(found, low=low, high=high)


def wilson(successes: float, n: float, alpha: float) -> tuple[float, float]:
    """Return the ends of the modified Wilson interval for a share."""
    from scipy.special import ndtri

    z = float(-ndtri(alpha / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    inside = share * (1 - share) / n + z * z / (4 * n * n)
    half = z * sqrt(max(inside, 0.0)) / (1 + z * z / n)
    low = min(centre - half, _poisson(successes, n, alpha))
    high = max(centre + half, 1 - _poisson(n - successes, n, alpha))
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def student(units: Units, alpha: float) -> tuple[float, float]:
    """Return the t interval of the mean of two units or more."""
    from scipy.stats import t

    half = float(t.ppf(1 - alpha / 2, units.effective - 1)) * units.error
    return units.mean - half, units.mean + half


def spread(units: Units, alpha: float) -> tuple[float, float, str]:
    """Return an interval from how the units spread, and the name of the method."""
    if units.clustered:
        return *student(units, alpha), "t, clustered"
    if FEW <= len(units) < MANY:
        return *bca(units, alpha), "BCa bootstrap"
    return *student(units, alpha), "t"


def level(alpha: float) -> None:
    """Raise Invalid for what is no error rate."""
    if not 0 < alpha < 1:
        raise Invalid(f"alpha is a number between 0 and 1, not {alpha:g}")


def unit_scale(values: Sequence[float]) -> bool:
    """Return whether all *values* are from 0 to 1."""
    return all(0 <= value <= 1 for value in values)


def _poisson(count: float, n: float, alpha: float) -> float:
    """Return the lower end of a share that is a rare count; 1 if it is not rare."""
    from scipy.special import gammaincinv

    if count > (2 if n <= 50 else 3) + 1e-9:
        return 1.0
    return float(gammaincinv(count, alpha)) / n if count > 0 else 0.0


def _rate_of(units: Units, alpha: float) -> tuple[float, float, str]:
    if units.plain:
        return *wilson(round(units.mean * units.n), units.n, alpha), "Wilson"
    size = _effective_cases(units)
    share = min(max(units.mean, 0.0), 1.0)
    ends = wilson(share * size, size, alpha)
    return *ends, f"Wilson of {size:.0f} effective cases"


def _effective_cases(units: Units) -> float:
    """Return how many independent cases would know this share as well.

    Korn and Graubard (1998): the variance of independent cases over the robust one,
    less what Student's t asks for with few units. Where fewer than ten units have a
    failure, or a success, that variance is mostly too small, so what counts is half
    way (harmonic) to a unit being one case. Without any variance it is one case.
    """
    from scipy.special import ndtri, stdtrit

    share, error, alone = units.mean, units.error, units.effective
    if not error or not 0 < share < 1:
        return max(alone, 1.0)
    narrow = float(ndtri(0.975) / stdtrit(alone - 1, 0.975)) ** 2
    size = share * (1 - share) / error**2 * narrow
    failing, passing = units.totals < units.weights, units.totals > 0
    if min(failing.sum(), passing.sum()) < SPARSE:
        size = 2 / (1 / size + 1 / alone)
    return min(max(size, 1.0), float(units.n))


def _mean_of(
    units: Units, alpha: float, bounded: bool
) -> tuple[float | None, float | None, str]:
    lost = len(units) < 2 or not units.error
    if bounded and (lost or differing(units.totals / units.weights) < SPARSE):
        size = units.effective
        share = min(max(units.mean, 0.0), 1.0)
        return *wilson(share * size, size, alpha), "Wilson, as few cases differ"
    if lost:
        why = "one independent case" if len(units) < 2 else "all cases are equal"
        return None, None, f"no interval: {why}"
    return spread(units, alpha)


def differing(values: Any) -> int:
    """Return how many of the *values*, an array, are not the most frequent one.

    Where no value is the most of them, that is all: they differ by nature.
    """
    import numpy as np

    _, counts = np.unique(values.round(9), return_counts=True)
    common = int(counts.max())
    return len(values) - common if 2 * common >= len(values) else len(values)
