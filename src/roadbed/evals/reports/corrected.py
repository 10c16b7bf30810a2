"""The score that people would give, where they labelled a part of what was graded."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.evals.asking import Answered
from roadbed.evals.grading import UNIT
from roadbed.evals.labels import Label
from roadbed.evals.running.rows import Row, mean_of
from roadbed.evals.statistics.correction import FEWEST, corrected_mean
from roadbed.evals.statistics.intervals import Interval, within

ALIKE = 0.9
"""The share of labelled cases that have to be answered as they were labelled. Where
only some are, those are no random part of all: easy ones are answered alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The corrected score, or why there is none."""

    interval: Interval | None = None
    why: str = ""


def wanted(rows: Iterable[Row], labels: Sequence[Label]) -> list[str]:
    """Return the names of the answers to the cases that people labelled."""
    ids = {label.sample.case.id for label in labels}
    return [key for row in rows if row.id in ids for key in row.answers if key]


def corrected(
    grader: str,
    rows: Sequence[Row],
    labels: Sequence[Label],
    answers: Mapping[str, Answered],
    how: tuple[bool, float],
) -> Corrected:
    """Return what people would say on average of what *grader* graded.

    *answers* are those that `wanted` names; *how* says whether grades are 0 or 1, and
    the error rate. Labels count for a case where the answer is the one labelled.
    """
    by_id = by_case(labels)
    graded = [(row, mean_of(grades_of(row, grader))) for row in rows]
    kept = [(row, value) for row, value in graded if value is not None]
    if len({row.weight for row, _ in kept}) > 1:
        return Corrected(why="cases have weights, which the correction does not know")
    among = [row for row, _ in kept if row.id in by_id]
    human = [human_of(row, by_id.get(row.id, ()), answers) for row, _ in kept]
    fit = sum(value is not None for value in human)
    if fit < FEWEST or fit < ALIKE * len(among):
        why = f"{fit} of {len(labels)} labels are of these answers"
        return Corrected(why=f"{why}; at least {FEWEST}, and nearly all, have to be")
    binary, alpha = how
    grades = [float(value) for _, value in kept]
    labelled = {value for value in human if value is not None}
    found = corrected_mean(
        grades,
        human,
        clusters=[row.cluster for row, _ in kept],
        binary=binary and {*labelled, *grades} <= {0, 1},
        alpha=alpha,
    )
    return Corrected(interval=within(found, UNIT))  # So are labels and judges' grades.


def by_case(labels: Sequence[Label]) -> dict[str, list[Label]]:
    """Return the labels of each case, by its id."""
    found: dict[str, list[Label]] = {}
    for label in labels:
        found.setdefault(label.sample.case.id, []).append(label)
    return found


def grades_of(row: Row, grader: str) -> list[float]:
    """Return the grades that *grader* gave to the answers of *row*."""
    return [grade for grade in row.grades.get(grader, ()) if grade is not None]


def human_of(
    row: Row, labels: Sequence[Label], answers: Mapping[str, Answered]
) -> float | None:
    """Return what people said of an answer of *row*, None if of none."""
    given = [answers[key].text for key in row.answers if key in answers]
    for label in labels:
        said = label.sample.answered.text
        if any(same_answer(said, text) for text in given):
            return label.human
    return None


def same_answer(one: str, other: str) -> bool:
    """Say whether two texts are one answer; JSON may be written otherwise."""
    if one.strip() == other.strip():
        return True
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def content(found: Corrected) -> dict[str, Any]:
    """Return what was found as plain JSON."""
    if found.interval is None:
        return {"interval": None, "why": found.why}
    said = found.interval
    names = ("value", "low", "high", "n", "clusters", "method", "alpha")
    return {"interval": {name: getattr(said, name) for name in names}, "why": ""}
