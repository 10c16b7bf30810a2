"""Feedback: what people and the world say of calls, kept once and on the record.

Each is bound to its call. What may tell of a person is kept apart, under a salted
commitment, so that it can be erased and the rest stays what it was.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.core.actor import DEFAULT_TENANT, SYSTEM
from roadbed.core.digest import canonical
from roadbed.core.errors import Conflict
from roadbed.core.ids import Uuid7
from roadbed.database.engine import Database
from roadbed.evals.feedback_seals import (
    ERASE,
    SEAL,
    WHOSE,
    in_order,
    root_of,
    with_texts,
)
from roadbed.evals.feedback_tables import feedback, feedback_batches, feedback_texts
from roadbed.evals.outcomes import error_of
from roadbed.evals.saying import Said
from roadbed.inference.record import CallRecord, commit

AT_ONCE = 10_000
_BESIDE = ("last", "commit", "batch", "rollout", "arm", "bucket", "error")
_uuid7 = Uuid7()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One thing that was said of a call; the last turn is what counts.

    `value` and `comment` are None and empty where they were erased (`erased`) or
    nothing was said. Times are UTC microseconds.
    """

    call_id: str
    source: str
    name: str
    turn: int
    kind: str
    number: float | None = None
    label: str | None = None
    value: Any = None
    comment: str = ""
    erased: bool = False
    tenant: str
    endpoint: str
    model: str
    called_us: int
    at_us: int
    actor: str
    batch: str = ""

    @property
    def told(self) -> str:
        """Return it in words that tell of nobody but who said it."""
        what = self.label or ("" if self.number is None else f"{self.number:g}")
        if self.kind == "thumbs":
            what = "up" if self.number else "down"
        called = "" if self.name == self.kind else f" ({self.name})"
        gone = ", erased" if self.erased else ""
        return f"{self.kind}{called} {what}".rstrip() + f", from {self.source}{gone}"

    @property
    def truth(self) -> Any:
        """Return the right answer, if this says one: None else."""
        if self.kind in ("correction", "outcome"):
            return self.value
        return self.label if self.kind == "label" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which feedback is wanted. Empty text means any; times are UTC microseconds."""

    tenant: str
    endpoint: str = ""
    kind: str = ""
    number: float | None = None
    since_us: int = 0
    limit: int = 100


class Feedbacks:
    """Keeps what is said of calls, and finds it again."""

    def __init__(self, database: Database, now_us: Callable[[], int]) -> None:
        self._database = database
        self._now_us = now_us

    def give(self, record: CallRecord, said: Said, source: str, actor: str) -> bool:
        """Keep what *source* says of a call; say whether that is anything new.

        The same again changes nothing; something else of the same name is its next
        turn. Raises Conflict if the same source speaks twice at one moment.
        """
        key = {"call_id": record.call_id, "source": source, "name": said.name}
        with self._database.write() as connection:
            before = _last(connection, key)
            if before is not None and _same(before, said):
                return False
            turn = 1 if before is None else before.turn + 1
            whose = {**key, "turn": turn}
            try:
                self._write(connection, record, said, whose, actor)
            except IntegrityError:
                raise Conflict(
                    f"{source} says something else of this call right now",
                    hint="send it again",
                ) from None
        return True

    def _write(
        self,
        connection: sa.Connection,
        record: CallRecord,
        said: Said,
        whose: dict[str, Any],
        actor: str,
    ) -> None:
        bound = _keep_apart(connection, whose, said.apart) if said.apart else ""
        row = {
            **whose,
            "last": True,
            "kind": said.kind,
            "number": said.number,
            "label": said.label,
            "commit": bound,
            "tenant": record.tenant or DEFAULT_TENANT,
            "endpoint": record.endpoint,
            "model": record.model,
            "called_us": record.ts,
            "at_us": self._now_us(),
            "actor": actor,
            **_arm(record),
        }
        if said.kind == "outcome":
            row["error"] = error_of(record, said.apart.get("value"))
        connection.execute(feedback.insert().values(row))
        earlier = sa.and_(*_is(feedback, whose, WHOSE[:3]))
        earlier = sa.and_(earlier, feedback.c.turn < whose["turn"])
        connection.execute(feedback.update().where(earlier).values(last=False))

    def of(self, call_id: str, *, every: bool = False) -> list[Feedback]:
        """Return what counts of a call, oldest first; with *every* all turns."""
        where = feedback.c.call_id == call_id
        if not every:
            where = sa.and_(where, feedback.c.last)
        with self._database.read() as connection:
            return _read(connection, where, sa.asc(feedback.c.at_us))

    def truths(self, call_ids: Sequence[str]) -> dict[str, Any]:
        """Return the right answers that are known of these calls: the last word."""
        where = sa.and_(feedback.c.last, feedback.c.call_id.in_(call_ids))
        with self._database.read() as connection:
            said = _read(connection, where, sa.asc(feedback.c.at_us))
        return {f.call_id: f.truth for f in said if f.truth is not None}

    def search(self, wanted: Wanted) -> list[Feedback]:
        """Return the newest feedback that matches, newest first, and counts."""
        table = feedback.c
        where = [table.tenant == wanted.tenant, table.last]
        where += [table.at_us >= wanted.since_us]
        for name in ("endpoint", "kind", "number"):
            value = getattr(wanted, name)
            if value not in ("", None):
                where.append(table[name] == value)
        with self._database.read() as connection:
            order = sa.desc(table.at_us)
            return _read(connection, sa.and_(*where), order, wanted.limit)

    def erase(self, call_id: str, reason: str, actor: str) -> int:
        """Erase what was kept apart of a call; return of how many there was any.

        The audit log says who did it and why; what is counted stays.
        """
        with self._database.write() as connection:
            gone = connection.execute(
                feedback_texts.delete().where(feedback_texts.c.call_id == call_id)
            ).rowcount
            if gone:
                whose = feedback.c.call_id == call_id
                # Beside the prediction it would tell what the outcome was.
                connection.execute(feedback.update().where(whose).values(error=None))
                last_us = sa.select(sa.func.max(feedback.c.at_us)).where(whose)
                said_us = connection.execute(last_us).scalar() or 0
                detail = {"reason": reason, "texts": gone}
                entry = Entry(actor, ERASE, f"Call/{call_id}", detail=detail)
                # No clock of another replica makes words vanish after their erasure.
                append(connection, max(self._now_us(), said_us), entry)
        return gone

    def seal(self) -> int:
        """Put what is not yet on the audit log there, together; return how many.

        One entry holds the Merkle root over the rows; an entry for each would be
        most of the log.
        """
        with self._database.write() as connection:
            rows = in_order(connection, feedback.c.batch.is_(None), AT_ONCE)
            if not rows:
                return 0
            batch, now_us, root = _uuid7(), self._now_us(), root_of(rows)
            connection.execute(
                feedback_batches.insert().values(
                    id=batch, root=root, rows=len(rows), sealed_us=now_us
                )
            )
            for row in rows:
                one = sa.and_(*_is(feedback, row, WHOSE))
                connection.execute(feedback.update().where(one).values(batch=batch))
            detail = {"root": root, "rows": len(rows)}
            entry = Entry(str(SYSTEM), SEAL, f"FeedbackBatch/{batch}", detail=detail)
            append(connection, now_us, entry)
        return len(rows)


def said_of(connection: sa.Connection, call_id: str) -> list[Feedback]:
    """Return what counts of what was said of a call, oldest first."""
    where = sa.and_(feedback.c.call_id == call_id, feedback.c.last)
    return _read(connection, where, sa.asc(feedback.c.at_us))


def _arm(record: CallRecord) -> dict[str, Any]:
    """Return where a rollout put a call, nothing if none did."""
    names = ("rollout", "arm", "bucket")
    return {name: getattr(record, name) or None for name in names}


def _last(connection: sa.Connection, key: dict[str, Any]) -> Feedback | None:
    where = sa.and_(*_is(feedback, key, WHOSE[:3]))
    found = _read(connection, where, sa.desc(feedback.c.turn), 1)
    return found[0] if found else None


def _same(before: Feedback, said: Said) -> bool:
    if before.erased:
        return False
    counted = (before.kind, before.number, before.label)
    return counted == (said.kind, said.number, said.label) and (
        before.value == said.apart.get("value")
        and before.comment == said.apart.get("comment", "")
    )


def _keep_apart(connection: sa.Connection, whose: dict[str, Any], said: Any) -> str:
    """Keep what may tell of a person, and return what binds it."""
    salt, text = os.urandom(32).hex(), canonical(dict(said)).decode()
    connection.execute(feedback_texts.insert().values(**whose, salt=salt, said=text))
    return commit(salt, text, "")


def _read(
    connection: sa.Connection,
    where: sa.ColumnElement[bool],
    order: sa.ColumnElement[Any],
    limit: int | None = None,
) -> list[Feedback]:
    query = sa.select(feedback).where(where).order_by(order).limit(limit)
    rows = connection.execute(query).mappings().all()
    return [_feedback(row, said) for row, said in with_texts(connection, rows)]


def _feedback(row: sa.RowMapping, kept: sa.RowMapping | None) -> Feedback:
    said = json.loads(kept["said"]) if kept else {}
    plain = {n: v for n, v in row.items() if n not in _BESIDE}
    return Feedback(
        **plain,
        batch=row["batch"] or "",
        value=said.get("value"),
        comment=said.get("comment", ""),
        erased=bool(row["commit"]) and kept is None,
    )


def _is(
    table: sa.Table, row: Any, names: Sequence[str]
) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == row[name] for name in names]
