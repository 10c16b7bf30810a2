"""Runs of evaluations as rows: begun, going on, ended."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.ids import Uuid7
from roadbed.database.upsert import insert_new
from roadbed.evals.running.keys import Subject
from roadbed.evals.running.tables import runs
from roadbed.evals.running.work import Progress

_new_id = Uuid7()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. `resumed` says that it was begun before, and did not end."""

    id: str
    subject: Subject
    take: str
    total: int
    actor: str
    tenant: str = DEFAULT_TENANT
    status: str = "running"
    done: int = 0
    cost_nano: int = 0
    report: str = ""
    started_us: int = 0
    finished_us: int | None = None
    resumed: bool = False


def begin(connection: sa.Connection, draft: Run, *, fresh: bool) -> Run:
    """Write that *draft* begins, or find the one like it that did not end.

    A *fresh* run takes answers of its own; what was begun so goes on with them.
    """
    for row in _unfinished(connection, draft.subject):
        if bool(row["take"] == row["id"]) == fresh and (fresh or _same(row, draft)):
            return replace(_read(row), resumed=True)
    made_id = _new_id()
    made = replace(draft, id=made_id, take=made_id if fresh else draft.take)
    connection.execute(runs.insert().values(_row(made)))
    return made


def claim(connection: sa.Connection, run: Run, since_us: int) -> bool:
    """Write that *run* begins, and say whether nobody had begun it before.

    Whoever began before *since_us* and did not end has gone.
    """
    gone = runs.c.started_us < since_us
    connection.execute(_begun(run).where(gone))
    return insert_new(connection, runs, _row(run))


def release(connection: sa.Connection, run: Run) -> None:
    """Let somebody else begin *run*: it was begun, and cannot be ended here."""
    connection.execute(_begun(run).where(runs.c.started_us == run.started_us))


def _begun(run: Run) -> sa.Delete:
    return runs.delete().where(runs.c.id == run.id, runs.c.status == run.status)


def note(connection: sa.Connection, run_id: str, progress: Progress) -> None:
    """Write how far a run has come."""
    said = {"done": progress.done, "cost_nano": progress.cost_nano}
    connection.execute(runs.update().where(runs.c.id == run_id).values(said))


def end(connection: sa.Connection, run: Run) -> None:
    """Write how *run* ended."""
    mine = runs.c.id == run.id, runs.c.started_us == run.started_us
    connection.execute(runs.update().where(*mine).values(_row(run)))


def newest_runs(
    connection: sa.Connection, evaluation: str, tenant: str, limit: int
) -> list[Run]:
    """Return the newest runs of the evaluation called so."""
    query = sa.select(runs).where(
        runs.c.evaluation == evaluation, runs.c.tenant == tenant
    )
    newest = query.order_by(runs.c.started_us.desc(), runs.c.id).limit(limit)
    return [_read(row) for row in connection.execute(newest).mappings()]


def _unfinished(connection: sa.Connection, subject: Subject) -> list[sa.RowMapping]:
    query = sa.select(runs).where(runs.c.status == "running")
    for name, value in subject.row().items():
        query = query.where(runs.c[name] == value)
    newest = query.order_by(runs.c.started_us.desc())
    return list(connection.execute(newest).mappings())


def _same(row: sa.RowMapping, draft: Run) -> bool:
    return row["take"] == draft.take


def _row(run: Run) -> dict[str, Any]:
    names = [c.name for c in runs.c if c.name not in Subject.__slots__]
    return run.subject.row() | {name: getattr(run, name) for name in names}


def _read(row: sa.RowMapping) -> Run:
    subject = Subject(**{name: row[name] for name in Subject.__slots__})
    names = [c.name for c in runs.c if c.name not in Subject.__slots__]
    return Run(subject=subject, **{name: row[name] for name in names})
