"""Experiments: folders of runs, each of one tenant."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import SYSTEM
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.database.upsert import upsert
from roadbed.registry.tracking import rows
from roadbed.registry.tracking.grammar import Condition, parse_filter, parse_order
from roadbed.registry.tracking.tables import (
    experiment_tags,
    experiments,
    tracked_runs,
)
from roadbed.registry.tracking.where import Page, Term, number, text, unknown

DEFAULT_ID = "0"
"""The experiment of runs that name none."""
STAGES = {"ACTIVE_ONLY": ("active",), "DELETED_ONLY": ("deleted",)}
_ALL = ("active", "deleted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A folder of runs; `stage` is `active` or `deleted`."""

    tenant: str
    id: str
    name: str
    stage: str
    actor: str
    created_us: int
    updated_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """On whose behalf something is written: tenant, actor, and the time of it."""

    tenant: str
    actor: str
    now_us: int


def ensure_default(connection: sa.Connection, who: Who) -> None:
    """Make the experiment of runs that name none, unless it is there."""
    if find(connection, who.tenant, DEFAULT_ID) is None:
        made = _new(replace(who, actor=str(SYSTEM)), DEFAULT_ID, "Default")
        connection.execute(experiments.insert().values(**asdict(made)))


def ensure(connection: sa.Connection, who: Who, name: str) -> Experiment:
    """Return the experiment of this name, deleted or not; made now if there is none."""
    known = by_name(connection, who.tenant, name)
    if known is None:
        hold(connection)
        known = by_name(connection, who.tenant, name)
    if known is None:
        known = _new(replace(who, actor=str(SYSTEM)), _new_id(), name)
        connection.execute(experiments.insert().values(**asdict(known)))
    return known


def create(
    connection: sa.Connection, who: Who, name: str, tags: Mapping[str, str]
) -> Experiment:
    """Return a new experiment; raise Conflict if the name was ever given."""
    if by_name(connection, who.tenant, name) is not None:
        raise Conflict(f"Experiment {name[:200]!r} already exists.")
    made = _new(who, _new_id(), name)
    connection.execute(experiments.insert().values(**asdict(made)))
    set_tags(connection, made, tags)
    _audit(connection, who, made, "created")
    return made


def find(connection: sa.Connection, tenant: str, id: str) -> Experiment | None:
    """Return the experiment of *tenant* with this id, or None."""
    query = sa.select(experiments).where(
        experiments.c.tenant == tenant, experiments.c.id == id
    )
    row = connection.execute(query).mappings().first()
    return Experiment(**row) if row else None


def get(connection: sa.Connection, tenant: str, id: str) -> Experiment:
    """Return the experiment of *tenant* with this id; raise NotFound."""
    found = find(connection, tenant, id)
    if found is None:
        raise NotFound(f"No Experiment with id={id[:80]} exists")
    return found


def get_active(connection: sa.Connection, tenant: str, id: str) -> Experiment:
    """Return an experiment that can be written to; raise NotFound or Invalid."""
    found = get(connection, tenant, id)
    if found.stage != "active":
        raise Invalid(
            f"The experiment {id} must be in the 'active' state. "
            f"Current state is {found.stage}.",
            hint="restore it first",
        )
    return found


def by_name(connection: sa.Connection, tenant: str, name: str) -> Experiment | None:
    """Return the experiment of *tenant* called *name*, deleted or not, or None."""
    query = sa.select(experiments).where(
        experiments.c.tenant == tenant, experiments.c.name == name
    )
    row = connection.execute(query).mappings().first()
    return Experiment(**row) if row else None


def rename(connection: sa.Connection, who: Who, id: str, name: str) -> None:
    """Give an active experiment another name."""
    found = get_active(connection, who.tenant, id)
    other = by_name(connection, who.tenant, name)
    if other is not None and other.id != id:
        raise Conflict(f"Experiment {name[:200]!r} already exists.")
    _change(connection, found, name=name, updated_us=who.now_us)
    _audit(connection, who, replace(found, name=name), "renamed")


def move(connection: sa.Connection, who: Who, id: str, stage: str) -> None:
    """Delete or restore an experiment, and all its runs with it."""
    found = get(connection, who.tenant, id)
    if found.stage == stage:
        raise Invalid(
            f"The experiment {id} is {stage} already",
            hint="an experiment is deleted while active, and restored while deleted",
        )
    if id == DEFAULT_ID and stage == "deleted":
        raise Invalid(
            "The default experiment cannot be deleted",
            hint="runs that name no experiment belong to it",
        )
    _change(connection, found, stage=stage, updated_us=who.now_us)
    mine = (tracked_runs.c.tenant == who.tenant, tracked_runs.c.experiment_id == id)
    connection.execute(tracked_runs.update().where(*mine).values(stage=stage))
    _audit(connection, who, found, "deleted" if stage == "deleted" else "restored")


def set_tags(
    connection: sa.Connection, found: Experiment, tags: Mapping[str, str]
) -> None:
    """Set tags of an experiment; a later value replaces one."""
    upsert(
        connection,
        experiment_tags,
        [
            {"tenant": found.tenant, "experiment_id": found.id, "key": k, "value": v}
            for k, v in tags.items()
        ],
    )


def delete_tag(connection: sa.Connection, found: Experiment, key: str) -> None:
    """Remove a tag of an experiment; raise NotFound."""
    gone = connection.execute(
        experiment_tags.delete().where(
            experiment_tags.c.tenant == found.tenant,
            experiment_tags.c.experiment_id == found.id,
            experiment_tags.c.key == key,
        )
    )
    if not gone.rowcount:
        raise NotFound(f"No tag with name: {key[:80]} in experiment {found.id}")


def tags_of(
    connection: sa.Connection, tenant: str, ids: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Return the tags of experiments, by their ids."""
    found: dict[str, dict[str, str]] = {id: {} for id in ids}
    for some in rows.batches(ids):
        query = sa.select(experiment_tags).where(
            experiment_tags.c.tenant == tenant,
            experiment_tags.c.experiment_id.in_(some),
        )
        for row in connection.execute(query.order_by(experiment_tags.c.key)):
            found[row.experiment_id][row.key] = row.value
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which experiments are wanted, in which order, and after what."""

    filter: str = ""
    order_by: tuple[str, ...] = ()
    view: str = "ACTIVE_ONLY"
    limit: int = 1000
    token: str = ""


def search(
    connection: sa.Connection, tenant: str, wanted: Search
) -> tuple[list[Experiment], str]:
    """Return a page of experiments, and the token of the next one or nothing."""
    dialect = connection.dialect.name
    stages = STAGES.get(wanted.view, _ALL)
    query = sa.select(experiments).where(
        experiments.c.tenant == tenant, experiments.c.stage.in_(stages)
    )
    for condition in parse_filter(wanted.filter):
        query = query.where(_compiled(condition, dialect))
    asked = [wanted.filter, list(wanted.order_by), wanted.view]
    page = Page(wanted.limit, wanted.token, _terms(wanted.order_by), asked)
    found = connection.execute(page.of(query)).mappings().all()
    kept, token = page.cut(found)  # type: ignore[arg-type]
    names = Experiment.__dataclass_fields__
    return [Experiment(**{n: row[n] for n in names}) for row in kept], token


_FIELDS: Mapping[str, tuple[sa.ColumnElement[Any], int]] = {
    "name": (experiments.c.name, 0),
    "experiment_id": (experiments.c.id, 0),
    "creation_time": (experiments.c.created_us, 1000),
    "last_update_time": (experiments.c.updated_us, 1000),
}
"""The attributes, and how many of our units one of the protocol's is (0: a text)."""


def _compiled(condition: Condition, dialect: str) -> sa.ColumnElement[bool]:
    if condition.kind == "tag":
        mine = sa.and_(
            experiment_tags.c.tenant == experiments.c.tenant,
            experiment_tags.c.experiment_id == experiments.c.id,
            experiment_tags.c.key == condition.key,
        )
        return rows.tagged(condition, mine, experiment_tags.c.value, dialect)
    if condition.kind != "attribute" or condition.key not in _FIELDS:
        raise unknown(condition, tuple(_FIELDS))
    column, scale = _FIELDS[condition.key]
    if not scale:
        return text(condition, column, dialect)
    return number(condition, column // scale)


def _terms(order_by: Sequence[str]) -> list[Term]:
    terms = []
    for order in map(parse_order, order_by):
        if order.kind != "attribute" or order.key not in _FIELDS:
            raise unknown(order, tuple(_FIELDS))
        terms.append(Term(_FIELDS[order.key][0], order.descending))
    if not terms:
        terms = [Term(experiments.c.created_us, descending=True)]
    return [*terms, Term(experiments.c.id)]


def _new_id() -> str:
    return str(secrets.randbelow(10**17) + 7 * 10**17)  # no card begins so


def _new(who: Who, id: str, name: str) -> Experiment:
    return Experiment(
        tenant=who.tenant,
        id=id,
        name=name,
        stage="active",
        actor=who.actor,
        created_us=who.now_us,
        updated_us=who.now_us,
    )


def _change(connection: sa.Connection, found: Experiment, **values: Any) -> None:
    mine = (experiments.c.tenant == found.tenant, experiments.c.id == found.id)
    connection.execute(experiments.update().where(*mine).values(**values))


def _audit(connection: sa.Connection, who: Who, found: Experiment, what: str) -> None:
    detail = {"experiment": found.name[:512], "change": what}
    entry = Entry(who.actor, "run.write", f"Experiment/{found.id}", detail=detail)
    append(connection, who.now_us, entry)
