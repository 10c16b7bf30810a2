"""Before a run: how small a difference these cases can show, and how many it takes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.paired import Pair

GUESS = 0.25
"""The variance of a difference between 0 and 1 if nothing is known: that of a pass rate
of one half whose versions correlate by one half. Related versions correlate more, by
0.57 to 0.71 in what we measured, and most pass rates are not one half."""
ICC = 0.5
"""How alike cases of one source are, if nothing is known."""
MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance of the difference of one case, candidate minus baseline.

    `between` is how much cases differ from one another, which more repeats do not
    change; `within` is how much one case changes from answer to answer, both versions
    together. `source` says for people where the numbers are from.
    """

    between: float = GUESS
    within: float = 0.0
    source: str = "a cautious guess"

    def of(self, repeats: int) -> float:
        """Return the variance of the mean of *repeats* answers to one case."""
        return self.between + self.within / repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a set of cases can show. Differences are on the scale of the grader.

    `detectable` is the smallest true difference that is shown with probability
    `power` at error rate `alpha`. It is also the smallest tolerance with which a
    version that is just as good passes as often. None says that none could be shown.
    `error` is the expected standard error, `effective` how many independent cases
    there are.
    """

    n: int
    effective: float
    repeats: int
    alpha: float
    power: float
    error: float | None
    detectable: float | None
    source: str

    def settles(self, tolerance: float) -> bool:
        """Return whether a gate with this *tolerance* can be answered by these cases.

        If not, it had better not block: mostly it would say that it cannot tell.
        """
        return self.detectable is not None and self.detectable <= tolerance

    def sentence(self) -> str:
        """Return the statement to print before the run."""
        cases = f"{self.n:,} cases"
        if round(self.effective) != self.n:
            cases += f" (as many as {self.effective:,.0f} independent ones)"
        if self.repeats > 1:
            cases += f", each {self.repeats} times"
        if self.detectable is None:
            return f"{cases} can show no difference"
        return (
            f"{cases} show a difference of {self.detectable:.3g} with "
            f"{100 * self.power:.3g} % probability, at an error rate of "
            f"{100 * self.alpha:.3g} % (expected standard error {self.error:.2g}, "
            f"from {self.source})"
        )


def detectable(
    n: int,
    *,
    spread: Spread | None = None,
    repeats: int = 1,
    design: float = 1.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Power:
    """Return what *n* paired cases can show. *design* is that of `design_effect`.

    The sum of two quantiles of Student's t times the standard error, as in Miller
    (2024). Raises Invalid for what makes no sense.
    """
    _check(n, repeats, design, alpha, power)
    known = spread or Spread()
    size = n / design
    error = sqrt(known.of(repeats) / size) if n else None
    return Power(
        n=n,
        effective=size,
        repeats=repeats,
        alpha=alpha,
        power=power,
        error=error,
        detectable=_quantiles(size, alpha, power) * error
        if error is not None and size >= 2
        else None,
        source=known.source,
    )


def needed(
    tolerance: float,
    *,
    spread: Spread | None = None,
    repeats: int = 1,
    design: float = 1.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Return how many paired cases show a difference of *tolerance*.

    Raises Invalid for a tolerance of 0, which no number of cases can show.
    """
    if not tolerance > 0:
        raise Invalid(f"no number of cases shows a difference of {tolerance:g}")

    def enough(n: int) -> bool:
        found = detectable(
            n, spread=spread, repeats=repeats, design=design, alpha=alpha, power=power
        )
        return found.settles(tolerance)

    low, high = 1, 2 * ceil(design)
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST:
            raise Invalid(f"more than a billion cases are needed for {tolerance:g}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def design_effect(clusters: Sequence[str], icc: float = ICC) -> float:
    """Return by how much cases that share a source spread the mean more (Kish).

    *icc* is how alike the differences in one cluster are, from 0 to 1. A cluster
    without a name is a case alone. 1.0 if all cases stand alone.
    """
    if not 0 <= icc <= 1:
        raise Invalid(f"an intraclass correlation is from 0 to 1, not {icc:g}")
    if not clusters:
        return 1.0
    sizes = Counter(name or i for i, name in enumerate(clusters)).values()
    return 1 + (sum(size * size for size in sizes) / len(clusters) - 1) * icc


def history(
    pairs: Sequence[Pair], *, within: float = 0.0, repeats: int = 1
) -> Spread | None:
    """Return the spread of an earlier comparison; None if it is too small to tell.

    That of fewer than 30 cases, or of none that differ, promises too much. If its
    cases were asked *repeats* times, *within* is the variance within a case, both
    versions together, as `repeats.split` has it.
    """
    differences = [pair.candidate - pair.baseline for pair in pairs]
    if len(differences) < 30 or not any(differences):
        return None
    centre = sum(differences) / len(differences)
    squares = sum((each - centre) ** 2 for each in differences)
    between = max(squares / (len(differences) - 1) - within / repeats, 0.0)
    return Spread(between, within, f"{len(differences):,} cases of an earlier run")


def _quantiles(size: float, alpha: float, power: float) -> float:
    from scipy.special import stdtrit

    free = size - 1
    return float(stdtrit(free, 1 - alpha / 2) + stdtrit(free, power))


def _check(n: int, repeats: int, design: float, alpha: float, power: float) -> None:
    if n < 0 or repeats < 1 or design < 1:
        raise Invalid(f"{n} cases, {repeats} times, with a design effect of {design:g}")
    if not (0 < alpha < 1 and 0.5 <= power < 1):
        raise Invalid(f"an error rate of {alpha:g} and a power of {power:g}")
