"""How good the answers were, over time and by version, from calls drawn by chance.

What was drawn with probability p stands for 1/p calls (Horvitz and Thompson 1952), so
that drawing more of some calls does not bias the whole.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

from roadbed.evals.statistics import intervals
from roadbed.evals.statistics.ready import ready
from roadbed.evals.statistics.units import gather


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One grade of one call. A `value` of None could not be told.

    `evaluation` and `digest` say whose grader it is, and which; feedback has none.
    """

    evaluation: str = ""
    digest: str = ""
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

    evaluation: str = ""
    grader: str
    model: str
    since_us: int
    until_us: int
    estimate: Estimate

    @property
    def title(self) -> str:
        """Return what tells the grader from those of other evaluations."""
        return f"{self.evaluation}: {self.grader}" if self.evaluation else self.grader


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How a version's answers in production differ from those in its newest report.

    `online` is of the calls that the very grader of the report graded; `gap` is
    online less offline.
    """

    evaluation: str
    grader: str
    model: str
    report: str
    reported_us: int
    offline: Estimate
    online: Estimate
    gap: Estimate

    @property
    def title(self) -> str:
        """Return what tells the grader from those of other evaluations."""
        return f"{self.evaluation}: {self.grader}"


def quality(rows: Iterable[Graded], step_us: int) -> list[Quality]:
    """Return the quality by grader and version in each step that has any, in order."""
    groups: dict[tuple[str, str, str, int], list[Graded]] = defaultdict(list)
    for row in rows:
        start = row.called_us // step_us * step_us
        groups[row.evaluation, row.grader, row.model, start].append(row)
    return [
        Quality(
            evaluation=evaluation,
            grader=grader,
            model=model,
            since_us=start,
            until_us=start + step_us,
            estimate=estimate(found, quick=True),
        )
        for (evaluation, grader, model, start), found in sorted(groups.items())
    ]


def estimate(rows: Sequence[Graded], *, quick: bool = False) -> Estimate:
    """Return the mean of all calls that *rows* were drawn from, and its interval.

    `effective` is Kish's (1965); the interval is by the method of
    `statistics.intervals.mean` that suits the values. If it is to be *quick*, as for
    many steps, nothing is resampled: it is Student's t for what is no right or wrong.
    Without the extra `evals` there is none.
    """
    known = [(r.value, 1 / r.probability) for r in rows if r.value is not None]
    missing = len(rows) - len(known)
    if not known:
        return Estimate(
            value=None, low=None, high=None, n=0, effective=0.0, missing=missing
        )
    whole = sum(weight for _, weight in known)
    low, high = _ends(known, quick=quick)
    return Estimate(
        value=sum(value * weight for value, weight in known) / whole,
        low=low,
        high=high,
        n=len(known),
        effective=whole**2 / sum(weight**2 for _, weight in known),
        missing=missing,
    )


def _ends(
    known: Sequence[tuple[float, float]], *, quick: bool
) -> tuple[float | None, float | None]:
    """Return the ends of the interval of the mean of values, each with its weight."""
    if not ready():
        return None, None
    values, weights = zip(*known, strict=True)
    binary = set(values) <= {0.0, 1.0}
    if quick and not binary:
        units = gather(values, weights)
        known_spread = len(units) > 1 and units.error
        return intervals.student(units, 0.05) if known_spread else (None, None)
    found = intervals.mean(values, weights=weights, binary=binary)
    return found.low, found.high


def reported(said: Mapping[str, Any]) -> Estimate:
    """Return the interval *said* in a report as an estimate, at 95 %.

    A report has another confidence where several bars share what may go wrong; then
    its ends are moved as those of a normal distribution are.
    """
    value, low, high = said["value"], said["low"], said["high"]
    if None not in (value, low, high):
        scale = _z(0.05) / _z(said["alpha"])
        low, high = value - scale * (value - low), value + scale * (high - value)
    n, effective = said["n"], float(said["clusters"])
    return Estimate(value=value, low=low, high=high, n=n, effective=effective)


def _z(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha / 2)


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
