"""Models as clients of MLflow 3 log them: files of a run, params, tags and metrics.

Their files are kept with the run that made them, below `.models/ID`. A model that was
logged outside of any run gets a record of its own, so that a version made of it has an
origin all the same.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from roadbed.core.errors import Invalid, NotFound
from roadbed.database.upsert import upsert
from roadbed.registry.clients import tracked
from roadbed.registry.runs import Runs
from roadbed.registry.tracking import rows
from roadbed.registry.tracking.experiments import Who
from roadbed.registry.tracking.points import Point, row_of
from roadbed.registry.tracking.tables import (
    logged_metrics,
    logged_models,
    logged_params,
    logged_tags,
    tracked_versions,
)

PENDING, READY = "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY"
STATUSES = (PENDING, READY, "LOGGED_MODEL_UPLOAD_FAILED")
FOLDER = ".models"
"""Where the files of logged models are, below their runs'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A model as a client logged it. Times are in milliseconds."""

    id: str
    tenant: str
    experiment_id: str
    name: str
    type: str
    status: str
    stage: str
    run_id: str
    source_run_id: str
    created_ms: int
    updated_ms: int

    @property
    def folder(self) -> str:
        """Return the path of its files below the run that keeps them."""
        return f"{FOLDER}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a client says of a model that it is about to log."""

    experiment_id: str
    name: str = ""
    type: str = ""
    source_run_id: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A value of a metric that was measured on a logged model."""

    model_id: str
    run_id: str
    point: Point
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A logged model with all that is said of it."""

    model: Logged
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Sequence[Measured]
    versions: Sequence[tuple[str, int]]


def create(connection: sa.Connection, runs: Runs, who: Who, claim: Claim) -> Logged:
    """Record a model that a client is about to log, in the caller's transaction."""
    id = f"m-{secrets.token_hex(16)}"
    name = claim.name or f"model-{id[-8:]}"
    run_id = claim.source_run_id
    if not run_id:
        said = tracked.Claim(experiment_id=claim.experiment_id, client=claim.client)
        run_id = runs.begin(connection, tracked.intent_of(who, said, name)).id
    now_ms = who.now_us // 1000
    made = Logged(
        id=id,
        tenant=who.tenant,
        experiment_id=claim.experiment_id,
        name=name,
        type=claim.type,
        status=PENDING,
        stage="active",
        run_id=run_id,
        source_run_id=claim.source_run_id,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    connection.execute(logged_models.insert().values(**asdict(made)))
    set_tags(connection, made, claim.tags)
    set_params(connection, made, claim.params)
    return made


def find(connection: sa.Connection, id: str) -> Logged | None:
    """Return a logged model, or None, also where it was deleted."""
    query = sa.select(logged_models).where(
        logged_models.c.id == id, logged_models.c.stage == "active"
    )
    row = connection.execute(query).mappings().first()
    return Logged(**row) if row else None


def get(connection: sa.Connection, id: str) -> Logged:
    """Return a logged model; raise NotFound."""
    found = find(connection, id)
    if found is None:
        raise NotFound(missing(id))
    return found


def missing(id: str) -> str:
    """Return what is said of a logged model that there is none of."""
    return f"Logged model with ID {id[:80]!r} not found."


def finalize(
    connection: sa.Connection, runs: Runs, who: Who, id: str, status: str
) -> Logged:
    """Take over how the upload ended; it closes the record of a model without a run."""
    found = get(connection, id)
    if not found.source_run_id and found.status == PENDING and status != PENDING:
        ended = "finished" if status == READY else "failed"
        runs.end(connection, found.run_id, ended, "" if status == READY else status)
    _change(connection, id, status=status, updated_ms=who.now_us // 1000)
    return get(connection, id)


def delete(connection: sa.Connection, who: Who, id: str) -> None:
    """Put a logged model away; raise Invalid if a version rests on it."""
    get(connection, id)
    version = sa.select(tracked_versions.c.model).where(
        tracked_versions.c.model_id == id, tracked_versions.c.gone.is_(False)
    )
    if connection.execute(version).first() is not None:
        raise Invalid(
            f"Logged model {id} is registered as a model version",
            hint="delete that version first",
        )
    _change(connection, id, stage="deleted", updated_ms=who.now_us // 1000)


def set_tags(connection: sa.Connection, found: Logged, tags: Mapping[str, str]) -> None:
    """Set tags of a logged model."""
    upsert(connection, logged_tags, _rows(found, tags))


def delete_tag(connection: sa.Connection, found: Logged, key: str) -> None:
    """Remove a tag of a logged model; raise NotFound."""
    mine = (logged_tags.c.model_id == found.id, logged_tags.c.key == key)
    if not connection.execute(logged_tags.delete().where(*mine)).rowcount:
        raise NotFound(f"No tag with name: {key[:80]} in logged model {found.id}")


def set_params(
    connection: sa.Connection, found: Logged, params: Mapping[str, str]
) -> None:
    """Add parameters of a logged model; raise Invalid if one has another value."""
    query = sa.select(logged_params).where(logged_params.c.model_id == found.id)
    known = {row.key: row.value for row in connection.execute(query)}
    for key, value in params.items():
        if known.get(key, value) != value:
            raise Invalid(
                f"Changing param values is not allowed. Param with key={key!r} was "
                f"already logged for model {found.id}"
            )
    upsert(connection, logged_params, _rows(found, params))


def measure(
    connection: sa.Connection, tenant: str, measured: Sequence[Measured]
) -> None:
    """Keep the newest values of metrics that were measured on models of *tenant*."""
    ids = sorted({each.model_id for each in measured})
    query = sa.select(logged_models.c.id).where(
        logged_models.c.id.in_(ids), logged_models.c.tenant == tenant
    )
    own = set(connection.execute(query).scalars()) if ids else set()
    newest: dict[tuple[str, ...], Measured] = {}
    for each in (*_metrics_of(connection, sorted(own)), *measured):
        key = (each.model_id, each.point.key, each.dataset_name, each.dataset_digest)
        known = newest.get(key)
        if each.model_id in own and not (known and known.point.rank > each.point.rank):
            newest[key] = each
    found = [_measured_row(each) for each in newest.values()]
    upsert(connection, logged_metrics, found)


def whole(connection: sa.Connection, found: Sequence[Logged]) -> list[Whole]:
    """Return logged models with all that is said of them, in a few queries."""
    ids = [each.id for each in found]
    params, tags = (_texts(connection, t, ids) for t in (logged_params, logged_tags))
    metrics: dict[str, list[Measured]] = {}
    for each in _metrics_of(connection, ids):
        metrics.setdefault(each.model_id, []).append(each)
    versions = _versions(connection, ids)
    return [
        Whole(
            model=each,
            params=params.get(each.id, {}),
            tags=tags.get(each.id, {}),
            metrics=metrics.get(each.id, []),
            versions=versions.get(each.id, []),
        )
        for each in found
    ]


def _versions(
    connection: sa.Connection, ids: Sequence[str]
) -> dict[str, list[tuple[str, int]]]:
    from_models: dict[str, list[tuple[str, int]]] = {}
    table = tracked_versions.c
    for some in rows.batches(ids):
        query = sa.select(table.model_id, table.model, table.number).where(
            table.model_id.in_(some), table.gone.is_(False)
        )
        for id, model, number in connection.execute(query):
            from_models.setdefault(id, []).append((model, number))
    return from_models


def _metrics_of(connection: sa.Connection, ids: Sequence[str]) -> list[Measured]:
    found = []
    for some in rows.batches(ids):
        query = sa.select(logged_metrics).where(logged_metrics.c.model_id.in_(some))
        found += [
            Measured(
                model_id=row["model_id"],
                run_id=row["run_id"],
                dataset_name=row["dataset_name"],
                dataset_digest=row["dataset_digest"],
                point=Point.of(row),
            )
            for row in connection.execute(query).mappings()
        ]
    return found


def _measured_row(each: Measured) -> dict[str, Any]:
    return {
        "model_id": each.model_id,
        "run_id": each.run_id,
        "dataset_name": each.dataset_name,
        "dataset_digest": each.dataset_digest,
        **row_of(each.point),
    }


def _texts(
    connection: sa.Connection, table: sa.Table, ids: Sequence[str]
) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for some in rows.batches(ids):
        query = sa.select(table).where(table.c.model_id.in_(some))
        for row in connection.execute(query.order_by(table.c.key)):
            found.setdefault(row.model_id, {})[row.key] = row.value
    return found


def _rows(found: Logged, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"model_id": found.id, "key": k, "value": v} for k, v in texts.items()]


def _change(connection: sa.Connection, id: str, **values: Any) -> None:
    mine = logged_models.c.id == id
    connection.execute(logged_models.update().where(mine).values(**values))
