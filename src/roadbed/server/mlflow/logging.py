"""What runs log while they work: metrics, parameters, tags, one or many at once."""

from dataclasses import replace
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.registry.clients import logged, tracked
from roadbed.registry.clients.tracked import Batch
from roadbed.server.mlflow import checks
from roadbed.server.mlflow.fields import Fields
from roadbed.server.mlflow.locate import run_id_of, run_named
from roadbed.server.mlflow.route import Asked, route


def log_metric(ask: Asked) -> dict[str, Any]:
    """Add a value to a metric."""
    return _log(ask, [ask.fields], Batch(points=[checks.point(ask.fields)]))


def log_param(ask: Asked) -> dict[str, Any]:
    """Set a parameter, once."""
    return _log(ask, [], Batch(params=checks.params([checks.param(ask.fields)])))


def set_tag(ask: Asked) -> dict[str, Any]:
    """Set a tag."""
    return _log(ask, [], Batch(tags=dict([checks.tag(ask.fields)])))


def delete_tag(ask: Asked) -> dict[str, Any]:
    """Remove a tag."""
    key = checks.tag_key(ask.fields.required("key"))
    with ask.services.database.write() as connection:
        tracked.delete_tag(connection, run_id_of(ask), key)
    return {}


def log_batch(ask: Asked) -> dict[str, Any]:
    """Log metrics, parameters and tags: all of them, or none."""
    if ask.size > checks.MAX_BATCH_BYTES:
        raise Invalid(
            "Batched logging API requests must be at most "
            f"{checks.MAX_BATCH_BYTES} bytes, got a request of size {ask.size}."
        )
    metrics = _at_most(ask, "metrics", checks.MAX_METRICS)
    params = _at_most(ask, "params", checks.MAX_PARAMS)
    tags = _at_most(ask, "tags", checks.MAX_TAGS)
    if len(metrics) + len(params) + len(tags) > checks.MAX_ENTITIES:
        raise Invalid(
            "A batch logging request can contain at most "
            f"{checks.MAX_ENTITIES} params, tags, and metrics."
        )
    batch = Batch(
        points=[checks.point(each) for each in metrics],
        params=checks.params([checks.param(each) for each in params]),
        tags=dict(checks.tag(each) for each in tags),
    )
    return _log(ask, metrics, batch)


def _at_most(ask: Asked, name: str, most: int) -> list[Fields]:
    found = list(ask.fields.items(name))
    if len(found) > most:
        raise Invalid(
            f"A batch logging request can contain at most {most} {name}. Got "
            f"{len(found)} {name}. Please split up {name} across multiple requests "
            "and try again."
        )
    return found


def _log(ask: Asked, metrics: list[Fields], batch: Batch) -> dict[str, Any]:
    """Write a batch, and what of it was measured on a logged model beside it."""
    run_id = run_id_of(ask)
    measured = [
        logged.Measured(
            model_id=each.text("model_id", 100),
            dataset_name=each.text("dataset_name", 500),
            dataset_digest=each.text("dataset_digest", 36),
            run_id=run_id,
            point=point,
        )
        for each, point in zip(metrics, batch.points, strict=True)
        if "model_id" in each
    ]
    with ask.services.database.write() as connection:
        now_us = ask.services.now_us()
        tracked.log(connection, run_id, replace(batch, now_us=now_us))
        logged.measure(connection, ask.tenant, measured)
    return {}


_WRITE = "run.write"
_ON = {"locate": run_named}
ROUTES = (
    route("POST", "runs/log-metric", _WRITE, log_metric, "Log a metric", **_ON),
    route("POST", "runs/log-parameter", _WRITE, log_param, "Log a parameter", **_ON),
    route("POST", "runs/set-tag", _WRITE, set_tag, "Tag a run", **_ON),
    route("POST", "runs/delete-tag", _WRITE, delete_tag, "Remove a tag", **_ON),
    route("POST", "runs/log-batch", _WRITE, log_batch, "Log many at once", **_ON),
)
