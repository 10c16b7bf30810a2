"""Keeps answers and grades, so that nothing is asked or judged twice."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.database.upsert import upsert
from roadbed.evals.asking import Answered
from roadbed.evals.grading import Grade
from roadbed.evals.running.tables import answers, grades

_MOST = 400
"""How many keys one query names."""
DAY_US = 86_400_000_000
_encode = msgspec.json.Encoder().encode
_answer = msgspec.json.Decoder(Answered).decode
_grade = msgspec.json.Decoder(Grade).decode


class Shelf:
    """What was answered and graded before; new things wait until `flush`.

    With *now_us* what is looked up counts as used, and so stays; who only shows it
    has none. `put` is called from one thread, `flush` and the look-ups from any.
    """

    def __init__(
        self, database: Database, now_us: Callable[[], int] | None = None
    ) -> None:
        self._database = database
        self._now_us = now_us
        self._lock = threading.Lock()
        self._new: dict[sa.Table, dict[str, _Put]] = {answers: {}, grades: {}}
        self._used: dict[sa.Table, set[str]] = {answers: set(), grades: set()}

    @property
    def waiting(self) -> int:
        """How much is not written yet: answers and grades, new ones and used ones."""
        with self._lock:
            return sum(map(len, (*self._new.values(), *self._used.values())))

    def put_answer(self, key: str, answered: Answered, origin: str = "") -> None:
        """Keep *answered*, soon; *origin* is the call that its case was made of."""
        said = {"call_id": answered.call_id, "origin": origin}
        with self._lock:
            self._new[answers][key] = (answered, said)

    def put_grade(self, key: str, grade: Grade, answer: str) -> None:
        """Keep *grade*, soon, of the answer with the key *answer*."""
        with self._lock:
            self._new[grades][key] = (grade, {"answer": answer})

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
            new, used = self._new, self._used
            self._new = {table: {} for table in new}
            self._used = {table: set() for table in used}
        if not any((*new.values(), *used.values())):
            return
        with self._database.write() as connection:
            upsert(connection, answers, _rows("answer", new[answers], now_us))
            upsert(connection, grades, _rows("grade", new[grades], now_us))
            for table, keys in used.items():
                for some in _parts(sorted(keys)):
                    one = table.update().where(table.c.key.in_(some))
                    connection.execute(one.values(used_us=now_us))

    def _found(
        self, table: sa.Table, value: sa.Column[str], keys: Sequence[str]
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        old = set()
        stale_us = self._now_us() - DAY_US if self._now_us else -1
        with self._database.read() as connection:
            for some in _parts(keys):
                query = sa.select(table.c.key, value, table.c.used_us)
                for key, text, used_us in connection.execute(
                    query.where(table.c.key.in_(some))
                ):
                    found[key] = text
                    if used_us < stale_us:
                        old.add(key)
        with self._lock:
            self._used[table] |= old
        return found


_Put = tuple[Answered | Grade, Mapping[str, str]]
"""What is to be kept, and what it comes from."""


def purge(database: Database, before_us: int) -> int:
    """Forget what was last used before then, a little at a time; return how much.

    Reports and their rows stay as they are. Harmless where several do it at once.
    """
    done = 0
    for table in (grades, answers):
        old = sa.select(table.c.key).where(table.c.used_us < before_us).limit(_MOST)
        while _any(database, old):
            with database.write() as connection:
                gone = table.delete().where(table.c.key.in_(old))
                done += connection.execute(gone).rowcount
    return done


def _any(database: Database, query: sa.Select[tuple[str]]) -> bool:
    with database.read() as connection:
        return connection.execute(query.limit(1)).first() is not None


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[at : at + _MOST] for at in range(0, len(keys), _MOST))


def _rows(name: str, found: Mapping[str, _Put], now_us: int) -> list[dict[str, object]]:
    return [
        {
            "key": key,
            name: _encode(value).decode(),
            "at_us": now_us,
            "used_us": now_us,
            **said,
        }
        for key, (value, said) in found.items()
    ]
