"""Whether two versions differ, judged case by case on the same cases."""

from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.bootstrap import flip
from roadbed.evals.statistics.intervals import (
    SPARSE,
    level,
    spread,
    student,
    unit_scale,
)
from roadbed.evals.statistics.matched import mcnemar, tango
from roadbed.evals.statistics.units import Units, gather


@dataclass(frozen=True, slots=True)
class Pair:
    """The grades of one case: by the version in service, and by the candidate.

    With several answers to a case, each is their mean. Cases of one `cluster` share a
    source; one without stands alone.
    """

    baseline: float
    candidate: float
    weight: float = 1.0
    cluster: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate minus baseline, with its interval at confidence 1 - `alpha`.

    `p` is how likely a difference at least as large is between versions that do not
    differ. `n` counts the cases, `clusters` those that are independent. Nothing is
    NaN: without cases the numbers are None and p is 1, and a single case on an open
    scale has no interval; `method` says so.
    """

    difference: float | None
    low: float | None
    high: float | None
    p: float
    n: int
    clusters: int
    method: str
    alpha: float = 0.05


def compare(
    pairs: Sequence[Pair], *, binary: bool = False, alpha: float = 0.05
) -> Comparison:
    """Return how the candidate differs, by the method that suits the grades.

    | grades | interval and test |
    |---|---|
    | 0 or 1 | Tango's score interval, McNemar's mid-p |
    | hardly any case differs (fewer than 10, less than half) | Tango's, sign flips |
    | in clusters | t of the clusters, robust |
    | 15 to 199 cases, most of which differ | BCa bootstrap, sign flips |
    | others | paired t |

    Raises Invalid for grades that *binary* denies, and as `gather`.
    """
    level(alpha)
    grades = [grade for pair in pairs for grade in (pair.baseline, pair.candidate)]
    if binary and not set(grades) <= {0, 1}:
        raise Invalid("a binary grade is 0 or 1, and one is not")
    units = gather(
        [pair.candidate - pair.baseline for pair in pairs],
        [pair.weight for pair in pairs],
        [pair.cluster for pair in pairs],
    )
    low, high, p, method = _compared(units, binary, alpha, grades)
    return Comparison(
        difference=units.mean if len(units) else None,
        low=low,
        high=high,
        p=p,
        n=units.n,
        clusters=len(units),
        method=method,
        alpha=alpha,
    )


def reach(grades: Sequence[float]) -> float:
    """Return how far apart two grades can be: 1, or on an open scale what was seen."""
    if unit_scale(grades):
        return 1.0
    return max(*grades, 0.0) - min(*grades, 0.0)


def score_of(units: Units, far: float, alpha: float) -> tuple[float, float]:
    """Return Tango's interval for mean differences that are at most *far*."""
    whole = units.weights.sum() * far
    size = units.effective
    gained = float(units.totals[units.totals > 0].sum() / whole) * size
    lost = float(-units.totals[units.totals < 0].sum() / whole) * size
    low, high = tango(min(gained, size), min(lost, size), size, alpha)
    return far * low, far * high


def _compared(
    units: Units, binary: bool, alpha: float, grades: Sequence[float]
) -> tuple[float | None, float | None, float, str]:
    if not len(units):
        return None, None, 1.0, "no cases"
    if binary and units.plain:
        gained, lost = _moved(units)
        ends = tango(gained, lost, units.n, alpha)
        return *ends, mcnemar(gained, lost), "McNemar mid-p, Tango"
    if len(units) < 2 and not unit_scale(grades):
        return None, None, 1.0, "no interval: one independent case"
    if _still(units):
        ends = score_of(units, reach(grades), alpha)
        return *ends, flip(units), "sign flips, Tango, as few cases differ"
    return _spread(units, alpha)


def _moved(units: Units) -> tuple[int, int]:
    return int((units.totals > 0).sum()), int((units.totals < 0).sum())


def _still(units: Units) -> bool:
    """Return whether the spread says nothing, since hardly any unit differs."""
    gained, lost = _moved(units)
    moved = gained + lost
    few = moved < SPARSE and 2 * moved <= len(units)
    return few or not units.error


def _spread(units: Units, alpha: float) -> tuple[float, float, float, str]:
    if 2 * sum(_moved(units)) <= len(units) and not units.clustered:
        return *student(units, alpha), _student_p(units), "paired t"
    low, high, method = spread(units, alpha)
    if method == "BCa bootstrap":
        return low, high, flip(units), "sign flips, BCa bootstrap"
    return low, high, _student_p(units), f"paired {method}"


def _student_p(units: Units) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(units.effective - 1, -abs(units.mean) / units.error))
