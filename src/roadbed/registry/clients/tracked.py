"""Runs as tracking clients see them: a record of ours, and what they say beside it.

The record (`roadbed.registry.runs`) is closed when the run first ends. Clients log on
afterwards, and open a run again: that is kept here, beside the record, and is no part
of it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.database.upsert import upsert
from roadbed.registry.runs import Input, Intent, Runs, amend, get_run, join
from roadbed.registry.tracking import params, points, rows
from roadbed.registry.tracking.experiments import Who
from roadbed.registry.tracking.points import Point
from roadbed.registry.tracking.tables import (
    run_inputs,
    run_models,
    run_params,
    run_tags,
    tracked_runs,
)

STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
NAME_TAG = "mlflow.runName"
ACTOR_TAG = "roadbed.actor"
"""Who started the run, as the server saw it. Clients cannot set such tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A run as its client tells of it. Times are its own, in milliseconds."""

    run_id: str
    tenant: str
    experiment_id: str
    name: str
    status: str
    user: str
    stage: str
    start_ms: int
    end_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a client says of a run that it starts."""

    experiment_id: str
    name: str = ""
    user: str = ""
    start_ms: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is logged at once: all of it, or nothing."""

    points: Sequence[Point] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    now_us: int = 0


def begin(connection: sa.Connection, runs: Runs, who: Who, claim: Claim) -> Tracked:
    """Record a run that a client starts, in the caller's transaction."""
    name = claim.name or claim.tags.get(NAME_TAG, "")
    record = runs.begin(connection, intent_of(who, claim, name or "run"))
    name = name or f"run-{record.id[-8:]}"
    made = Tracked(
        run_id=record.id,
        tenant=who.tenant,
        experiment_id=claim.experiment_id,
        name=name,
        status="RUNNING",
        user=claim.user or claim.tags.get("mlflow.user", ""),
        stage="active",
        start_ms=claim.start_ms or who.now_us // 1000,
    )
    connection.execute(tracked_runs.insert().values(**asdict(made)))
    tags = {**claim.tags, NAME_TAG: name, ACTOR_TAG: who.actor}
    params.tag(connection, record.id, tags)
    return made


def intent_of(who: Who, claim: Claim, name: str) -> Intent:
    """Return the record's first half: code and environment are the client's word."""
    said = {
        "commit": "mlflow.source.git.commit",
        "source": "mlflow.source.name",
        "type": "mlflow.source.type",
        "entry": "mlflow.project.entryPoint",
    }
    code = {n: claim.tags[tag] for n, tag in said.items() if claim.tags.get(tag)}
    return Intent(
        name=name,
        actor=who.actor,
        code={"claimed": True, **code},
        environment={"claimed": True, "client": claim.client[:200]},
        tenant=who.tenant,
    )


def get(connection: sa.Connection, run_id: str) -> Tracked:
    """Return a run; raise NotFound."""
    query = sa.select(tracked_runs).where(tracked_runs.c.run_id == run_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"Run with id={run_id[:80]} not found")
    return Tracked(**row)


def get_active(connection: sa.Connection, run_id: str) -> Tracked:
    """Return a run that can be written to; raise NotFound, or Invalid if deleted."""
    found = get(connection, run_id)
    if found.stage != "active":
        raise Invalid(
            f"The run {run_id} must be in the 'active' state. "
            f"Current state is {found.stage}.",
            hint="restore it first",
        )
    return found


def update(
    connection: sa.Connection,
    runs: Runs,
    who: Who,
    run_id: str,
    said: Mapping[str, Any],
) -> Tracked:
    """Take over the `status`, `end_ms` and `name` that a client gives a run.

    The first status of an end closes the record. One that opens it again is kept
    beside the record, and in the audit log.
    """
    found = get_active(connection, run_id)
    changed = replace(found, **said)
    if changed == found:
        return found
    connection.execute(
        tracked_runs.update()
        .where(tracked_runs.c.run_id == run_id)
        .values(**asdict(changed))
    )
    if changed.name != found.name:
        params.tag(connection, run_id, {NAME_TAG: changed.name})
    if changed.status != found.status:
        _note_status(connection, runs, who, changed)
    return changed


def _note_status(
    connection: sa.Connection, runs: Runs, who: Who, changed: Tracked
) -> None:
    record = get_run(connection, changed.run_id)
    ended = changed.status in ("FINISHED", "FAILED", "KILLED")
    if record.status != "started":
        audit(connection, who, changed.run_id, f"status {changed.status}")
    elif ended:
        fine = changed.status == "FINISHED"
        error = "" if fine else changed.status
        runs.end(connection, record.id, "finished" if fine else "failed", error)


def move(connection: sa.Connection, who: Who, run_id: str, stage: str) -> None:
    """Delete or restore a run. Its record stays as it is."""
    found = get(connection, run_id)
    if found.stage == stage:
        raise Invalid(
            f"The run {run_id} is {stage} already",
            hint="a run is deleted while active, and restored while deleted",
        )
    mine = tracked_runs.c.run_id == run_id
    connection.execute(tracked_runs.update().where(mine).values(stage=stage))
    audit(connection, who, run_id, "deleted" if stage == "deleted" else "restored")


def log(connection: sa.Connection, run_id: str, batch: Batch) -> None:
    """Add a batch to an active run, in the caller's transaction.

    Raises Invalid where a parameter has another value.
    """
    found = get_active(connection, run_id)
    if batch.params:
        _add_params(connection, run_id, batch)
    if batch.points:
        new = points.unseen(connection, run_id, batch.points)
        points.add(connection, run_id, new)
    if batch.tags:
        params.tag(connection, run_id, batch.tags)
        name = batch.tags.get(NAME_TAG, found.name)
        if name != found.name:
            mine = tracked_runs.c.run_id == run_id
            connection.execute(tracked_runs.update().where(mine).values(name=name))


def _add_params(connection: sa.Connection, run_id: str, batch: Batch) -> None:
    given = batch.params
    known: dict[str, str] = {}
    for some in rows.batches(list(given)):
        query = sa.select(run_params).where(
            run_params.c.run_id == run_id, run_params.c.key.in_(some)
        )
        known |= {row.key: row.value for row in connection.execute(query)}
    for key, value in given.items():
        if known.get(key, value) != value:
            raise Invalid(
                "Changing param values is not allowed. Param with key="
                f"{key[:250]!r} was already logged with value={known[key][:250]!r} for "
                f"run ID={run_id!r}. Attempted logging new value {value[:250]!r}.",
                hint="log it in another run",
            )
    new = {key: value for key, value in given.items() if key not in known}
    if not new:
        return
    try:
        amend(connection, run_id, new, batch.now_us)
    except Conflict:  # The record is closed: what comes now stays beside it.
        params.add(connection, run_id, new)


def delete_tag(connection: sa.Connection, run_id: str, key: str) -> None:
    """Remove a tag of an active run; raise NotFound."""
    get_active(connection, run_id)
    mine = (run_tags.c.run_id == run_id, run_tags.c.key == key)
    if not connection.execute(run_tags.delete().where(*mine)).rowcount:
        raise NotFound(f"No tag with name: {key[:80]} in run with id {run_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Data that a client says it read, and which dataset version it is, if one."""

    said: Mapping[str, Any]
    version: Input | None = None


def add_inputs(
    connection: sa.Connection, run_id: str, read: Sequence[Read], now_us: int
) -> None:
    """Keep the data that a client says it read, in the caller's transaction.

    A dataset version becomes part of the record and of the lineage, unless the record
    is closed: then it stays beside it.
    """
    get_active(connection, run_id)
    upsert(connection, run_inputs, [{"run_id": run_id, **r.said} for r in read])
    versions = [r.version for r in read if r.version]
    if versions:
        with suppress(Conflict):
            join(connection, run_id, {"data": versions}, now_us)


def add_models(
    connection: sa.Connection, run_id: str, role: str, models: Mapping[str, int]
) -> None:
    """Keep which logged models a run read (`input`) or wrote (`output`)."""
    get_active(connection, run_id)
    found = [
        {"run_id": run_id, "model_id": id, "role": role, "step": step}
        for id, step in models.items()
    ]
    upsert(connection, run_models, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A run with all that it logged."""

    run: Tracked
    points: Mapping[str, Point]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    inputs: Sequence[Mapping[str, Any]]
    models: Sequence[Mapping[str, Any]]


def whole(connection: sa.Connection, found: Sequence[Tracked]) -> list[Whole]:
    """Return runs with all that they logged, in a fixed number of queries."""
    ids = [run.run_id for run in found]
    logged: dict[str, dict[str, Point]] = {}
    for some in rows.batches(ids):
        logged |= points.latest(connection, some)
    given = {t.name: _by_run(connection, t, ids) for t in _BESIDE}
    return [
        Whole(
            run=run,
            points=logged[run.run_id],
            params=_pairs(given["run_params"].get(run.run_id, [])),
            tags=_pairs(given["run_tags"].get(run.run_id, [])),
            inputs=given["run_inputs"].get(run.run_id, []),
            models=given["run_models"].get(run.run_id, []),
        )
        for run in found
    ]


_BESIDE = (run_params, run_tags, run_inputs, run_models)


def _by_run(
    connection: sa.Connection, table: sa.Table, ids: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for some in rows.batches(ids):
        query = sa.select(table).where(table.c.run_id.in_(some))
        for row in connection.execute(query.order_by(*table.primary_key)).mappings():
            found.setdefault(row["run_id"], []).append(dict(row))
    return found


def _pairs(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {row["key"]: row["value"] for row in found}


def audit(connection: sa.Connection, who: Who, run_id: str, change: str) -> None:
    """Write down what was done to a run that has ended, or was put away."""
    entry = Entry(who.actor, "run.write", f"Run/{run_id}", detail={"change": change})
    append(connection, who.now_us, entry)
