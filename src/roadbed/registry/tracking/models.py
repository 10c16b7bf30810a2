"""Models by the names that clients give them, their aliases and their tags.

A client's name may be any text. The registry's is that name where it can be, and is
the model's of the stack where one is declared so; else it is made from the name.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Conflict, NotFound
from roadbed.core.reference import NAME
from roadbed.database.upsert import upsert
from roadbed.registry.tracking import rows
from roadbed.registry.tracking.experiments import Who
from roadbed.registry.tracking.tables import (
    model_aliases,
    model_tags,
    tracked_models,
    tracked_versions,
)

LATEST = "latest"
"""What clients say for the newest version; it is no alias."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedModel:
    """A model as clients know it; `model` is its name in the registry."""

    tenant: str
    name: str
    model: str
    description: str
    actor: str
    created_us: int
    updated_us: int


def registry_name(tenant: str, name: str, declared: str | None) -> str:
    """Return the registry's name for what a client of *tenant* calls *name*.

    *declared* is the tenant of the Model of that name in the stack, None if there is
    none. Two tenants never share a name that the stack did not give one of them.
    """
    free = declared is None and tenant == DEFAULT_TENANT
    if re.fullmatch(NAME, name) and (free or declared == tenant):
        return name
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    mark = hashlib.sha256(f"{tenant}\0{name}".encode()).hexdigest()[:12]
    return f"m-{plain}-{mark}" if plain else f"m-{mark}"


def create(
    connection: sa.Connection, who: Who, name: str, model: str, description: str
) -> TrackedModel:
    """Return a new model; raise Conflict if there is one of that name."""
    hold(connection)
    if find(connection, who.tenant, name) is not None:
        raise Conflict(f"Registered Model (name={name[:200]}) already exists.")
    made = TrackedModel(
        tenant=who.tenant,
        name=name,
        model=model,
        description=description,
        actor=who.actor,
        created_us=who.now_us,
        updated_us=who.now_us,
    )
    connection.execute(tracked_models.insert().values(**asdict(made)))
    audit(connection, who, made, change="created")
    return made


def find(connection: sa.Connection, tenant: str, name: str) -> TrackedModel | None:
    """Return the model that clients of *tenant* call *name*, or None."""
    query = sa.select(tracked_models).where(
        tracked_models.c.tenant == tenant, tracked_models.c.name == name
    )
    row = connection.execute(query).mappings().first()
    return TrackedModel(**row) if row else None


def get(connection: sa.Connection, tenant: str, name: str) -> TrackedModel:
    """Return the model that clients of *tenant* call *name*; raise NotFound."""
    found = find(connection, tenant, name)
    if found is None:
        raise NotFound(missing(name))
    return found


def of_registry(connection: sa.Connection, model: str) -> TrackedModel | None:
    """Return the model that the registry calls *model*, or None."""
    query = sa.select(tracked_models).where(tracked_models.c.model == model)
    row = connection.execute(query).mappings().first()
    return TrackedModel(**row) if row else None


def missing(name: str) -> str:
    """Return what is said of a model that there is none of."""
    return f"Registered Model with name={name[:200]} not found"


def rename(
    connection: sa.Connection, who: Who, found: TrackedModel, name: str
) -> TrackedModel:
    """Give a model another name, if it is free; the registry's stays."""
    if find(connection, who.tenant, name) is not None:
        raise Conflict(f"Registered Model (name={name[:200]}) already exists.")
    changed = _change(connection, found, name=name, updated_us=who.now_us)
    audit(connection, who, changed, change="renamed", before=found.name[:200])
    return changed


def describe(
    connection: sa.Connection, who: Who, found: TrackedModel, description: str
) -> TrackedModel:
    """Replace the description of a model."""
    said = {"description": description, "updated_us": who.now_us}
    return _change(connection, found, **said)


def touch(connection: sa.Connection, who: Who, found: TrackedModel) -> None:
    """Note that something of a model was changed."""
    _change(connection, found, updated_us=who.now_us)


def delete(connection: sa.Connection, who: Who, found: TrackedModel) -> None:
    """Put a model and its versions away; raise Conflict while an alias points to one.

    The versions stay in the registry: a number is never given out again.
    """
    known = aliases_of(connection, [found.model]).get(found.model, {})
    if known:
        raise Conflict(
            f"Registered Model {found.name[:200]!r} has aliases: "
            f"{', '.join(sorted(known))[:300]}",
            hint="delete the aliases first",
        )
    mine = tracked_versions.c.model == found.model
    connection.execute(tracked_versions.update().where(mine).values(gone=True))
    connection.execute(model_tags.delete().where(model_tags.c.model == found.model))
    connection.execute(
        tracked_models.delete().where(tracked_models.c.model == found.model)
    )
    audit(connection, who, found, change="deleted")


def set_alias(
    connection: sa.Connection, who: Who, found: TrackedModel, alias: str, number: int
) -> None:
    """Point *alias* to a version; where it pointed before is in the audit log too."""
    hold(connection)
    before = alias_of(connection, found, alias)
    row = {"model": found.model, "alias": alias, "number": number}
    upsert(connection, model_aliases, [row])
    said = {"alias": alias, "version": number, "before": before or 0}
    audit(connection, who, found, **said)
    touch(connection, who, found)


def delete_alias(
    connection: sa.Connection, who: Who, found: TrackedModel, alias: str
) -> None:
    """Remove an alias, if it is there."""
    before = alias_of(connection, found, alias)
    if before is None:
        return
    mine = (model_aliases.c.model == found.model, model_aliases.c.alias == alias)
    connection.execute(model_aliases.delete().where(*mine))
    audit(connection, who, found, alias=alias, version=0, before=before)


def alias_of(connection: sa.Connection, found: TrackedModel, alias: str) -> int | None:
    """Return the version that *alias* points to, or None."""
    query = sa.select(model_aliases.c.number).where(
        model_aliases.c.model == found.model, model_aliases.c.alias == alias
    )
    return connection.execute(query).scalar()


def aliases_of(
    connection: sa.Connection, models: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return the aliases of models, by the registry's names."""
    found: dict[str, dict[str, int]] = {}
    for some in rows.batches(models):
        query = sa.select(model_aliases).where(model_aliases.c.model.in_(some))
        for row in connection.execute(query.order_by(model_aliases.c.alias)):
            found.setdefault(row.model, {})[row.alias] = row.number
    return found


def set_tags(
    connection: sa.Connection, model: str, number: int, tags: Mapping[str, str]
) -> None:
    """Set tags of a version, or of the model itself where the number is 0."""
    upsert(
        connection,
        model_tags,
        [
            {"model": model, "number": number, "key": key, "value": value}
            for key, value in tags.items()
        ],
    )


def delete_tag(connection: sa.Connection, model: str, number: int, key: str) -> None:
    """Remove a tag of a version, or of the model where the number is 0."""
    mine = (
        model_tags.c.model == model,
        model_tags.c.number == number,
        model_tags.c.key == key,
    )
    connection.execute(model_tags.delete().where(*mine))


def tags_of(
    connection: sa.Connection, models: Sequence[str]
) -> dict[tuple[str, int], dict[str, str]]:
    """Return the tags of models and of their versions, by name and number."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    for some in rows.batches(models):
        query = sa.select(model_tags).where(model_tags.c.model.in_(some))
        for row in connection.execute(query.order_by(model_tags.c.key)):
            found.setdefault((row.model, row.number), {})[row.key] = row.value
    return found


def audit(
    connection: sa.Connection, who: Who, found: TrackedModel, **detail: Any
) -> None:
    """Write down what was done to a model."""
    said = {"name": found.name[:200], **detail}
    entry = Entry(who.actor, "model.register", f"Model/{found.model}", detail=said)
    append(connection, who.now_us, entry)


def _change(
    connection: sa.Connection, found: TrackedModel, **values: Any
) -> TrackedModel:
    mine = tracked_models.c.model == found.model
    connection.execute(tracked_models.update().where(mine).values(**values))
    return replace(found, **values)
