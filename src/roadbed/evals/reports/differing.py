"""How two versions differ by what people would say, where they labelled both.

A judge that likes the ways of one version more than people do would let a worse one
pass. Labels of the answers of both say how far it does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from roadbed.evals.asking import Answered
from roadbed.evals.kinds import Evaluation
from roadbed.evals.labels import Label
from roadbed.evals.reports.corrected import (
    ALIKE,
    by_case,
    grades_of,
    human_of,
    same_answer,
)
from roadbed.evals.running.rows import Row, mean_of
from roadbed.evals.statistics.correction import FEWEST, corrected_difference
from roadbed.evals.statistics.paired import Comparison, Pair
from roadbed.evals.statistics.verdict import Direction, conclude


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """The corrected difference of two versions, or why there is none."""

    comparison: Comparison | None = None
    why: str = ""


def corrected_pairs(
    grader: str,
    sides: tuple[Sequence[Row], Sequence[Row]],
    labels: Sequence[Label],
    answers: Mapping[str, Answered],
    how: tuple[bool, float],
) -> Differing:
    """Return how two versions differ by what people would say, the candidate last.

    *answers* are those that `wanted` names, of both. A label of an answer that both
    gave counts for both. Of labelled cases that were answered otherwise, nearly all
    have to be labelled on both sides: else nothing but what stayed would count.
    """
    known_of = by_case(labels)
    pairs = list(_paired(grader, sides))
    if len({new.weight for _, new, _ in pairs}) > 1:
        return Differing(why="cases have weights, which the correction does not know")
    human: list[Pair | None] = []
    changed = missing = 0
    for old, new, graded in pairs:
        known = known_of.get(new.id, ())
        both = _both((old, new), known, answers)
        human.append(both and replace(both, cluster=graded.cluster))
        if known and not _alike(old, new, answers):
            changed, missing = changed + 1, missing + (both is None)
    fit = sum(each is not None for each in human)
    if fit < FEWEST or missing > (1 - ALIKE) * changed:
        return Differing(why=_unfit(fit, changed, missing))
    binary, alpha = how
    judged = [graded for _, _, graded in pairs]
    seen = {g for each in (*judged, *human) if each for g in _ends(each)}
    found = corrected_difference(
        judged, human, binary=binary and seen <= {0, 1}, alpha=alpha
    )
    return Differing(comparison=found)


def put_right(
    spec: Evaluation, compared: dict[str, Any], found: Mapping[str, Differing]
) -> None:
    """Let *compared*, what `compare_reports` returns, go by what people would say.

    What the judge alone says is kept beside it, as `judged`.
    """
    tolerances = {u.name: u.gate.tolerance for u in spec.graders if u.gate}
    for name, each in found.items():
        said = compared["graders"].get(name)
        if said is None or each.comparison is None:
            continue
        direction: Direction = said["direction"]
        said["judged"] = said["comparison"]
        said["comparison"] = asdict(each.comparison)
        said["verdict"] = conclude(each.comparison, direction, tolerances.get(name))


def _both(
    rows: tuple[Row, Row], labels: Sequence[Label], answers: Mapping[str, Answered]
) -> Pair | None:
    """Return what people said of both answers, None if not of both."""
    before, after = (human_of(row, labels, answers) for row in rows)
    return None if before is None or after is None else Pair(before, after)


def _paired(
    grader: str, sides: tuple[Sequence[Row], Sequence[Row]]
) -> Iterator[tuple[Row, Row, Pair]]:
    """Yield the rows of the cases that were graded on both sides, and their grades."""
    before = {row.id: row for row in sides[0]}
    for new in sides[1]:
        old = before.get(new.id)
        if old is None or old.case != new.case:
            continue
        was, now = (mean_of(grades_of(row, grader)) for row in (old, new))
        if was is not None and now is not None:
            yield old, new, Pair(was, now, new.weight, new.cluster)


def _ends(pair: Pair) -> tuple[float, float]:
    return pair.baseline, pair.candidate


def _alike(old: Row, new: Row, answers: Mapping[str, Answered]) -> bool:
    """Say whether both sides gave one answer."""
    texts = [
        [answers[key].text for key in r.answers if key in answers] for r in (old, new)
    ]
    return any(same_answer(one, other) for one in texts[0] for other in texts[1])


def _unfit(fit: int, changed: int, missing: int) -> str:
    if missing:
        return (
            f"of {changed} labelled cases that were answered otherwise, {missing} are "
            "not labelled on both sides; nearly all have to be"
        )
    return f"{fit} cases are labelled on both sides; at least {FEWEST} have to be"


def differing(found: Differing) -> dict[str, Any]:
    """Return the difference that was found as plain JSON."""
    said = found.comparison
    return {"comparison": asdict(said) if said else None, "why": found.why}
