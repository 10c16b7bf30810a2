"""How good the answers were, over time and by version, from calls drawn by chance.

What was drawn with probability p stands for 1/p calls (Horvitz and Thompson 1952), so
that drawing more of some calls does not bias the whole.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

_Z = 1.959963984540054
_FEW = 3.0
"""With fewer effective answers no interval of a mean is worth showing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One grade of one call. A `value` of None could not be told."""

    grader: str
    model: str
    called_us: int
    value: float | None
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over all calls, and the 95 % interval that it is known within.

    `n` answers were graded, worth `effective` ones drawn alike; `missing` could not
    be graded. Ends are None where too little is known.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    effective: float
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What one grader says of one version in one step of time."""

    grader: str
    model: str
    since_us: int
    until_us: int
    estimate: Estimate


def quality(rows: Iterable[Graded], step_us: int) -> list[Quality]:
    """Return the quality by grader and version in each step that has any, in order."""
    groups: dict[tuple[str, str, int], list[Graded]] = defaultdict(list)
    for row in rows:
        start = row.called_us // step_us * step_us
        groups[row.grader, row.model, start].append(row)
    return [
        Quality(
            grader=grader,
            model=model,
            since_us=start,
            until_us=start + step_us,
            estimate=estimate(found),
        )
        for (grader, model, start), found in sorted(groups.items())
    ]


def estimate(rows: Sequence[Graded]) -> Estimate:
    """Return the mean of all calls that *rows* were drawn from, and its interval.

    Of rights and wrongs it is Wilson's at the effective number of answers (Kish 1965);
    of other values Student's t at that number.
    """
    known = [(r.value, 1 / r.probability) for r in rows if r.value is not None]
    missing = len(rows) - len(known)
    if not known:
        return Estimate(
            value=None, low=None, high=None, n=0, effective=0.0, missing=missing
        )
    whole = sum(weight for _, weight in known)
    mean = sum(value * weight for value, weight in known) / whole
    effective = whole**2 / sum(weight**2 for _, weight in known)
    if all(value in (0.0, 1.0) for value, _ in known):
        low, high = wilson(mean, effective)
    else:
        low, high = _student(known, mean, whole, effective)
    return Estimate(
        value=mean,
        low=low,
        high=high,
        n=len(known),
        effective=effective,
        missing=missing,
    )


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share among *n*, which need not be whole."""
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def gap(offline: Estimate, online: Estimate) -> Estimate:
    """Return how much better production is than the report said, with its interval.

    The two are of other cases, so their intervals add as independent ones do (the way
    that Newcombe adds them, 1998).
    """
    n = min(offline.n, online.n)
    if offline.value is None or online.value is None:
        return Estimate(value=None, low=None, high=None, n=0, effective=0.0)
    found = online.value - offline.value
    ends = (offline.low, offline.high, online.low, online.high)
    low = high = None
    if None not in ends:
        before = [end for end in ends if end is not None]
        down = sqrt((online.value - before[2]) ** 2 + (before[1] - offline.value) ** 2)
        up = sqrt((before[3] - online.value) ** 2 + (offline.value - before[0]) ** 2)
        low, high = found - down, found + up
    effective = min(offline.effective, online.effective)
    return Estimate(value=found, low=low, high=high, n=n, effective=effective)


def _student(
    known: Sequence[tuple[float, float]], mean: float, whole: float, effective: float
) -> tuple[float | None, float | None]:
    if effective < _FEW:
        return None, None
    spread = sum((weight * (value - mean)) ** 2 for value, weight in known)
    error = sqrt(spread * effective / (effective - 1)) / whole
    half = _t(effective - 1) * error
    return mean - half, mean + half


def _t(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t, by the expansion of Cornish and
    Fisher: within half a per cent from three degrees on."""
    z, v = _Z, freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3
