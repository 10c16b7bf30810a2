"""Keeps answers and grades, so that nothing is asked or judged twice."""

import threading
from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.database.upsert import upsert
from roadbed.evals.asking import Answered
from roadbed.evals.grading import Grade
from roadbed.evals.running.tables import answers, grades

_MOST = 400
"""How many keys one query names."""
_encode = msgspec.json.Encoder().encode
_answer = msgspec.json.Decoder(Answered).decode
_grade = msgspec.json.Decoder(Grade).decode


class Shelf:
    """What was answered and graded before; new things wait until `flush`.

    `put` is called from one thread, `flush` and the look-ups from any.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._answers: dict[str, Answered] = {}
        self._grades: dict[str, Grade] = {}

    @property
    def waiting(self) -> int:
        """How many answers and grades are not written yet."""
        return len(self._answers) + len(self._grades)

    def put_answer(self, key: str, answered: Answered) -> None:
        """Keep *answered*, soon."""
        with self._lock:
            self._answers[key] = answered

    def put_grade(self, key: str, grade: Grade) -> None:
        """Keep *grade*, soon."""
        with self._lock:
            self._grades[key] = grade

    def answers(self, keys: Sequence[str]) -> dict[str, Answered]:
        """Return those answers that are there, by their keys."""
        found = self._found(answers, answers.c.answer, keys)
        return {key: _answer(text) for key, text in found.items()}

    def grades(self, keys: Sequence[str]) -> dict[str, Grade]:
        """Return those grades that are there, by their keys."""
        found = self._found(grades, grades.c.grade, keys)
        return {key: _grade(text) for key, text in found.items()}

    def flush(self, now_us: int) -> None:
        """Write what waits, in one transaction. Blocks."""
        with self._lock:
            new, judged = self._answers, self._grades
            self._answers, self._grades = {}, {}
        if not new and not judged:
            return
        with self._database.write() as connection:
            upsert(connection, answers, _rows("answer", new, now_us))
            upsert(connection, grades, _rows("grade", judged, now_us))

    def _found(
        self, table: sa.Table, value: sa.Column[str], keys: Sequence[str]
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        with self._database.read() as connection:
            for at in range(0, len(keys), _MOST):
                some = keys[at : at + _MOST]
                query = sa.select(table.c.key, value).where(table.c.key.in_(some))
                found.update((k, v) for k, v in connection.execute(query))
        return found


def _rows(
    name: str, found: Mapping[str, Answered | Grade], now_us: int
) -> list[dict[str, object]]:
    return [
        {"key": key, name: _encode(value).decode(), "at_us": now_us}
        for key, value in found.items()
    ]
