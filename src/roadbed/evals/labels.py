"""Answers that people judged: what a judge is held against.

A table with the columns `input`, `answer` and `label`, and perhaps `second` (the label
of another annotator), `expected`, `documents`, `tags` and `id`, that of the case in the
golden set: several rows may have one, for the answers of several versions. The labels
have to be of answers drawn by chance, not of the odd ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.data.datasets import Datasets
from roadbed.data.version import DatasetVersion
from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.cases import read_cases
from roadbed.evals.grading import Sample
from roadbed.evals.kinds import Cases
from roadbed.evals.recorded import text

_NEEDED = ("input", "answer", "label")
_MORE = ("second", "documents")
_WORDS = {
    **dict.fromkeys(("pass", "good", "yes", "true", "1"), 1.0),
    **dict.fromkeys(("fail", "bad", "no", "false", "0"), 0.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One answer to a case, and what people said of it, from 0 to 1."""

    sample: Sample
    human: float
    second: float | None = None


def good(value: float) -> bool:
    """Say whether a grade or a label from 0 to 1 counts as a pass."""
    return value > 0.5


def read_labels(
    datasets: Datasets, version: DatasetVersion, scale: Mapping[str, float]
) -> list[Label]:
    """Return the labels that *version* holds; raise Invalid for what is none.

    A label is true or false, a number from 0 to 1, a word such as pass or fail, or one
    of *scale*, the labels of the judge with their grades.
    """
    known = {column.name for column in version.schema}
    if missing := [name for name in _NEEDED if name not in known]:
        raise Invalid(
            f"{version} has no column {missing[0]!r}",
            hint="labels are a table with input, answer and label; second, expected, "
            "documents, tags and id may be there",
        )
    names = [*_NEEDED, *(name for name in _MORE if name in known)]
    wanted = Cases(dataset=str(version), input=names)
    rows = read_cases(datasets, version, wanted, repeated=True)
    found = list(_labels(rows, {**_WORDS, **scale}))
    if not found:
        raise Invalid(f"{version} has no labels")
    return found


def _labels(rows: Iterator[Case], words: Mapping[str, float]) -> Iterator[Label]:
    for row in rows:
        said, where = row.input, f"row {row.id}"
        answered = Answered(
            text=text(said["answer"]),
            finish="stop",
            documents=_documents(said.get("documents")),
        )
        if said["input"] is None:
            raise Invalid(f"{where}: the column 'input' is empty")
        case = replace(row, input=said["input"])
        second = said.get("second")
        yield Label(
            sample=Sample(case=case, answered=answered),
            human=_value(said["label"], words, where),
            second=None if second is None else _value(second, words, where),
        )


def _value(said: Any, words: Mapping[str, float], where: str) -> float:
    if isinstance(said, bool | int | float) and 0 <= said <= 1:
        return float(said)
    if isinstance(said, str) and said.strip().lower() in words:
        return words[said.strip().lower()]
    known = ", ".join(sorted(words))
    raise Invalid(
        f"{where}: {str(said)[:60]!r} is no label",
        hint=f"true, false, a number from 0 to 1, or one of {known}",
    )


def _documents(said: Any) -> tuple[str, ...]:
    if isinstance(said, Sequence) and not isinstance(said, str):
        return tuple(text(each) for each in said)
    return (said,) if isinstance(said, str) else ()
