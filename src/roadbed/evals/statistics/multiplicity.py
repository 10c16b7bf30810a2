"""Many questions at once: how much each may err, so that all together err little."""

from collections.abc import Mapping, Sequence

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.paired import Comparison
from roadbed.evals.statistics.verdict import Direction, Verdict, no_worse


def share(alpha: float, bars: int) -> float:
    """Return the error rate of each of *bars* that gate together (Bonferroni).

    A version as good as the one in service is then called worse by any of them with
    at most *alpha* together. All intervals of a gate are made at this rate, so that
    the interval that is printed is the one that decided. Raises Invalid for none.
    """
    if bars < 1:
        raise Invalid("there is no bar to share an error rate among")
    return alpha / bars


def holm(ps: Sequence[float]) -> list[float]:
    """Return the p values as adjusted by Holm (1979), in the same order.

    Those up to alpha may be called differences; any false one among them has a
    probability of at most alpha, however they depend on one another.
    """
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, running = [0.0] * len(ps), 0.0
    for place, i in enumerate(order):
        running = max(running, min(1.0, ps[i] * (len(ps) - place)))
        adjusted[i] = running
    return adjusted


def conclude_slices(
    comparisons: Mapping[str, Comparison],
    direction: Direction = "higher",
    tolerance: float | None = None,
    alpha: float = 0.05,
) -> dict[str, tuple[Verdict, float]]:
    """Return the verdict of each slice and its adjusted p value.

    A slice is better or worse only if Holm's procedure over all slices says so.
    """
    adjusted = holm([each.p for each in comparisons.values()])
    return {
        name: (_verdict(each, direction, tolerance, p <= alpha), p)
        for (name, each), p in zip(comparisons.items(), adjusted, strict=True)
    }


def _verdict(
    comparison: Comparison,
    direction: Direction,
    tolerance: float | None,
    differs: bool,
) -> Verdict:
    if not differs or not comparison.difference:
        return no_worse(comparison, direction, tolerance)
    higher = comparison.difference > 0
    return "better" if higher == (direction == "higher") else "worse"
