"""The cases behind a report: few at a time, and only what the viewer may read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from roadbed.access.visible import own
from roadbed.console.assays.asked import CaseTold, GradeTold
from roadbed.console.custody.rooms import Eyes
from roadbed.control.state import newest_revision
from roadbed.control.targets import find_dataset
from roadbed.core.decision import Target
from roadbed.core.errors import RoadbedError
from roadbed.core.reference import parse
from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.evals.cases import read_cases
from roadbed.evals.grading import Grade
from roadbed.evals.kinds import Cases
from roadbed.evals.reports.store import Report
from roadbed.evals.running.keys import grade_key
from roadbed.evals.running.rows import Row
from roadbed.evals.running.shelf import Shelf

LONGEST = 4_000
"""As many characters of a text as a page shows."""
_NO_ANSWERS = "you may not read answers here (call.read-payload)"
_NO_CASES = "you may not read the golden set (dataset.read)"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what is behind the rows of the report *said*."""

    eyes: Eyes
    report: Report
    said: Mapping[str, Any]

    @property
    def answers_seen(self) -> bool:
        """Say whether the viewer may read what was answered."""
        return self.eyes.viewer.may("call.read-payload", self._calls)

    @property
    def _calls(self) -> Target:
        """Return the calls of the evaluation as policies read them."""
        subject = self.report.subject
        facts = {
            "tenant": self.report.tenant,
            "endpoint": subject.endpoint,
            "model": subject.version.partition("@")[0],
        }
        return Target(kind="Call", name=subject.endpoint, attributes=facts)

    def told(self, rows: Sequence[Row]) -> tuple[tuple[CaseTold, ...], tuple[str, ...]]:
        """Return *rows* with what was asked and answered, and what is not shown."""
        cases, problem = self.cases([row.id for row in rows])
        answers = self.answers([key_of(row) for row in rows])
        grades = self._grades(rows)
        found = tuple(self._case(row, cases, answers, grades) for row in rows)
        hidden = "" if self.answers_seen else _NO_ANSWERS
        return found, tuple(text for text in (problem, hidden) if text)

    def answers(self, keys: Iterable[str]) -> dict[str, Answered]:
        """Return the answers that are kept and the viewer may read."""
        wanted = [key for key in keys if key]
        if not self.answers_seen or not wanted:
            return {}
        return Shelf(self.eyes.rooms.database).answers(wanted)

    def call_page(self, answered: Answered | None) -> str:
        """Return the page of the call that *answered* came from, if it may be seen."""
        if answered is None or not answered.call_id:
            return ""
        if not self.eyes.viewer.may("call.read", self._calls):
            return ""
        return f"/console/calls/{quote(answered.call_id, safe='')}"

    def cases(self, ids: Sequence[str]) -> tuple[dict[str, Case], str]:
        """Return the cases called *ids*, and why they are not shown, if they are not.

        Reads the golden set on to the last of them, once for the same ones.
        """
        if not ids:
            return {}, ""
        rooms, dataset = self.eyes.rooms, self.said["dataset"]
        columns = self._columns(str(dataset["name"]))
        if columns is None:
            return {}, _NO_CASES
        mapping = json.dumps(columns.model_dump(mode="json"), sort_keys=True)
        key = ("cases", dataset["digest"], mapping, *sorted(ids))

        def make() -> dict[str, Case]:
            version = rooms.datasets.get(parse(columns.dataset))
            found: dict[str, Case] = {}
            for case in read_cases(rooms.datasets, version, columns):
                if case.id in ids:
                    found[case.id] = case
                if len(found) == len(set(ids)):
                    break
            return found

        try:
            return rooms.gate.once(key, make), ""
        except RoadbedError as error:
            return {}, f"the golden set cannot be read: {error.message}"

    def _columns(self, dataset: str) -> Cases | None:
        """Return which columns mean what, None if the viewer may not read them."""
        viewer = self.eyes.viewer
        name = self.report.subject.evaluation
        with self.eyes.rooms.database.read() as connection:
            found = find_dataset(connection, parse(dataset).name)
            target = own(viewer.principal, found)
            declared = newest_revision(connection, "Evaluation", name)
        if target is None or not viewer.may("dataset.read", target):
            return None
        said = declared.content["spec"]["cases"] if declared else {}
        whole = Cases(**{**said, "dataset": dataset})
        return Cases.model_validate(whole.model_dump(exclude_defaults=True))

    def _grades(self, rows: Sequence[Row]) -> dict[str, Grade]:
        if not self.answers_seen:
            return {}
        keys = [
            grade_key(key_of(row), row.case, graded["digest"])
            for row in rows
            if key_of(row)
            for graded in self.said["graders"].values()
        ]
        return Shelf(self.eyes.rooms.database).grades(keys)

    def _case(
        self,
        row: Row,
        cases: Mapping[str, Case],
        answers: Mapping[str, Answered],
        grades: Mapping[str, Grade],
    ) -> CaseTold:
        case, answered = cases.get(row.id), answers.get(key_of(row))
        return CaseTold(
            id=row.id,
            tags=row.tags,
            grades=tuple(self._grade(row, name, grades) for name in row.grades),
            asked=text_of(case.input) if case else None,
            expected=expected_of(case),
            answer=answer_of(answered) if answered else None,
            status=answered.status if answered else (row.status or [""])[0],
            errors=tuple(row.errors) if self.answers_seen else (),
            call=self.call_page(answered),
        )

    def _grade(self, row: Row, name: str, grades: Mapping[str, Grade]) -> GradeTold:
        digest = self.said["graders"].get(name, {}).get("digest", "")
        found = grades.get(grade_key(key_of(row), row.case, digest))
        return GradeTold(
            name=name,
            values=tuple(row.grades[name]),
            label=found.label if found else "",
            explanation=cut(found.explanation) if found else "",
            error=found.error if found else "",
        )


def key_of(row: Row) -> str:
    """Return the key of the first answer that came, empty without one."""
    return next((key for key in row.answers if key), "")


def answer_of(answered: Answered) -> str:
    """Return an answer as text: what was said, or its outputs or tools as JSON."""
    if answered.outputs:
        return cut(msgspec.json.encode(answered.outputs).decode())
    if answered.tools and not answered.text:
        return cut(msgspec.json.encode(answered.tools).decode())
    return cut(answered.text)


def expected_of(case: Case | None) -> str | None:
    """Return what is expected as text, None if nobody knows or may know."""
    if case is None or case.expected is None:
        return None
    return text_of(case.expected)


def text_of(given: Any) -> str:
    """Return what is asked or expected as text: a conversation turn by turn."""
    if isinstance(given, str):
        return cut(given)
    if isinstance(given, list) and given and all(map(_is_turn, given)):
        return cut("\n".join(f"{m['role']}: {m['content']}" for m in given))
    return cut(json.dumps(given, ensure_ascii=False, indent=1))


def cut(text: str) -> str:
    """Return *text*, or its beginning if it is long."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _is_turn(given: Any) -> bool:
    return isinstance(given, dict) and {"role", "content"} <= given.keys()
