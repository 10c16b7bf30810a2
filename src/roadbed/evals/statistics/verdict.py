"""What a comparison comes to: a word for people, and whether a gate opens.

A gate has three answers. *Passed*: the whole interval is on the right side of the bar.
*Failed*: it is shown to be wrong. *Inconclusive*: these cases cannot tell, which is
neither; more of them might. With a tolerance and a floor both have to be passed, and
failing one is enough to fail. A version that is shown to be worse, and shown to be so
by less than what is tolerated, passes: that much worse is what its owner allowed.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from roadbed.evals.statistics.intervals import Interval
from roadbed.evals.statistics.paired import Comparison

Direction = Literal["higher", "lower"]
Verdict = Literal["better", "worse", "no difference shown", "inconclusive"]
Outcome = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer of a gate, and a sentence that says how sure it is."""

    outcome: Outcome
    sentence: str


@dataclass(frozen=True, slots=True)
class _Loss:
    """How much worse a candidate is: the estimate, and the ends of its interval."""

    likely: float
    least: float
    most: float


def conclude(
    comparison: Comparison,
    direction: Direction = "higher",
    tolerance: float | None = None,
) -> Verdict:
    """Return what may be said of the candidate.

    *Better* and *worse* are intervals that leave 0 out. An interval around 0 is *no
    difference shown* if a loss of more than *tolerance* is out of the question, and
    *inconclusive* if it is not; without a tolerance nothing is asked of it.
    """
    loss = _loss(comparison, direction)
    if loss is None:
        return "inconclusive"
    if loss.most < 0:
        return "better"
    if loss.least > 0:
        return "worse"
    return no_worse(comparison, direction, tolerance)


def no_worse(
    comparison: Comparison, direction: Direction, tolerance: float | None
) -> Verdict:
    """Return whether an unproven difference is small, or merely unknown."""
    loss = _loss(comparison, direction)
    if loss is None or (tolerance is not None and loss.most >= tolerance):
        return "inconclusive"
    return "no difference shown"


def judge(
    *,
    direction: Direction = "higher",
    tolerance: float | None = None,
    floor: float | None = None,
    comparison: Comparison | None = None,
    score: Interval | None = None,
) -> Judgement:
    """Return whether the bar is cleared: *tolerance*, *floor*, or both.

    *comparison* is judged by the tolerance and *score* by the floor, which is a
    ceiling where lower is better. What is missing is inconclusive, never passed.
    """
    found: list[Judgement] = []
    if tolerance is not None:
        found.append(_tolerated(comparison, direction, tolerance))
    if floor is not None:
        found.append(_above(score, direction, floor))
    if not found:
        return Judgement("inconclusive", "there is no bar to clear")
    return Judgement(overall(found), "; ".join(each.sentence for each in found))


def overall(judgements: list[Judgement]) -> Outcome:
    """Return what several bars come to: one failure fails, and all have to pass."""
    outcomes = {each.outcome for each in judgements}
    if "failed" in outcomes:
        return "failed"
    return "passed" if outcomes == {"passed"} else "inconclusive"


def _loss(comparison: Comparison, direction: Direction) -> _Loss | None:
    value, low, high = comparison.difference, comparison.low, comparison.high
    if value is None or low is None or high is None:
        return None
    if direction == "higher":
        return _Loss(-value, -high, -low)
    return _Loss(value, low, high)


def _tolerated(
    comparison: Comparison | None, direction: Direction, tolerance: float
) -> Judgement:
    if comparison is None:
        why = "there is no version to compare with, so no tolerance can be judged"
        return Judgement("inconclusive", why)
    loss = _loss(comparison, direction)
    if loss is None:
        return Judgement("inconclusive", f"nothing can be said: {comparison.method}")
    sure, basis = _sure(comparison.alpha), _basis(comparison)
    if loss.most < tolerance:
        text = f"at {sure} confidence it is {_by(loss.most)}"
        return Judgement("passed", f"{text}, and {tolerance:g} is tolerated {basis}")
    if loss.least > 0:
        text = f"it is worse by {loss.likely:.3g}, at {sure} confidence by at least"
        why = f"{text} {loss.least:.3g}, p {_p(comparison.p)} {basis}"
        return Judgement("failed", why)
    text = f"at {sure} confidence it may be {loss.most:.3g} worse, and {tolerance:g} is"
    why = f"{text} tolerated {basis}; {_more(comparison.n, loss, tolerance)}"
    return Judgement("inconclusive", why)


def _above(score: Interval | None, direction: Direction, floor: float) -> Judgement:
    if score is None or score.low is None or score.high is None:
        why = "no case was graded" if score is None else score.method
        return Judgement("inconclusive", f"nothing can be said of the score: {why}")
    higher = direction == "higher"
    side = "at least" if higher else "at most"
    surely = score.low >= floor if higher else score.high <= floor
    never = score.high < floor if higher else score.low > floor
    text = (
        f"the score is {score.value:.3g} ({_sure(score.alpha)} interval {score.low:.3g}"
        f" to {score.high:.3g}), and {side} {floor:g} is asked {_basis(score)}"
    )
    if surely:
        return Judgement("passed", text)
    if never:
        return Judgement("failed", text)
    if floor == (1 if higher else 0):
        text += f"; no number of cases shows {floor:g}: ask for a little less"
    return Judgement("inconclusive", text)


def _more(n: int, loss: _Loss, tolerance: float) -> str:
    """Return how many cases would tell, if the difference stays what it is."""
    room = tolerance - loss.likely
    if room > 0:
        what, wide, needed = "to pass", loss.most - loss.likely, room
    else:
        what, wide, needed = "to show", loss.likely - loss.least, loss.likely
    if needed <= 0:
        return "more cases would not help at this difference"
    cases = ceil(n * (wide / needed) ** 2)
    return f"if it stays so, about {cases:,} such cases are needed {what} it"


def _by(most: float) -> str:
    if most < 0:
        return f"better by at least {-most:.3g}"
    return f"at most {most:.3g} worse"


def _sure(alpha: float) -> str:
    return f"{100 * (1 - alpha):.4g} %"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def _basis(found: Interval | Comparison) -> str:
    of = "" if found.clusters == found.n else f" in {found.clusters:,} clusters"
    return f"({found.n:,} cases{of}; {found.method})"
