"""Registered models and versions as the protocol's JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from roadbed.registry.clients import logged
from roadbed.registry.clients.logged import Logged
from roadbed.registry.tracking import models, versions
from roadbed.registry.tracking.models import TrackedModel
from roadbed.registry.tracking.tables import logged_models
from roadbed.registry.tracking.versions import TrackedVersion
from roadbed.server.mlflow import shapes

Json = dict[str, Any]
VERSION_TAG = "roadbed.version"
"""What the registry calls a version; clients cannot set it."""


def version_of(
    connection: sa.Connection, found: TrackedModel, number: int
) -> TrackedVersion:
    """Return a version of a model; raise NotFound."""
    return versions.get(connection, found, number)


def model(
    found: TrackedModel,
    tags: Mapping[str, str],
    aliases: Mapping[str, int],
    newest: Sequence[Json],
) -> Json:
    """Return a registered model."""
    return {
        "name": found.name,
        "creation_timestamp": found.created_us // 1000,
        "last_updated_timestamp": found.updated_us // 1000,
        "user_id": found.actor,
        "description": found.description,
        "latest_versions": list(newest),
        "tags": shapes.pairs(tags),
        "aliases": [{"alias": a, "version": str(n)} for a, n in aliases.items()],
    }


def shown_versions(
    connection: sa.Connection, found: Sequence[tuple[str, TrackedVersion]]
) -> list[Json]:
    """Return versions, each with the name of its model, in a few queries."""
    names = sorted({version.model for _, version in found})
    tags = models.tags_of(connection, names)
    aliases = models.aliases_of(connection, names)
    ids = [v.model_id for _, v in found if v.model_id]
    query = sa.select(logged_models).where(logged_models.c.id.in_(ids[:5_000]))
    rows = connection.execute(query).mappings() if ids else ()
    made_of = {
        each.model.id: each
        for each in logged.whole(connection, [Logged(**row) for row in rows])
    }
    return [
        _version(
            name,
            version,
            tags.get((version.model, version.number), {}),
            [
                alias
                for alias, number in aliases.get(version.model, {}).items()
                if number == version.number
            ],
            made_of.get(version.model_id),
        )
        for name, version in found
    ]


def _version(
    name: str,
    found: TrackedVersion,
    tags: Mapping[str, str],
    aliases: Sequence[str],
    made_of: logged.Whole | None,
) -> Json:
    params = shapes.pairs(made_of.params, "name") if made_of else []
    metrics = made_of.metrics if made_of else ()
    return {
        "name": name,
        "version": str(found.number),
        "creation_timestamp": found.created_us // 1000,
        "last_updated_timestamp": found.updated_us // 1000,
        "user_id": found.user,
        "current_stage": found.stage,
        "description": found.description,
        "source": found.source,
        "run_id": found.run_id if not made_of else made_of.model.source_run_id,
        "status": "READY",
        "tags": shapes.pairs({**tags, VERSION_TAG: f"{found.model}@{found.number}"}),
        "aliases": list(aliases),
        "model_id": found.model_id,
        "model_params": params,
        "model_metrics": [measured(each) for each in metrics],
    }


def measured(each: logged.Measured) -> Json:
    """Return a value that was measured on a logged model."""
    on = {"dataset_name": each.dataset_name, "dataset_digest": each.dataset_digest}
    told = {name: value for name, value in on.items() if value}
    more = {"model_id": each.model_id, "run_id": each.run_id, **told}
    return shapes.metric(each.point, **more)
