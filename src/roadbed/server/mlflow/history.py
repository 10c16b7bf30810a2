"""The values of metrics over their steps."""

import base64
import json
from typing import Any

import sqlalchemy as sa

from roadbed.core.errors import Invalid
from roadbed.registry.tracking import points
from roadbed.server.mlflow import shapes
from roadbed.server.mlflow.locate import run_called, run_id_of, run_named
from roadbed.server.mlflow.route import Asked, route

MOST = 1_000_000
MOST_RUNS = 100
MOST_OF_EACH = 25_000
INTERVAL = 2_500


def history(ask: Asked) -> dict[str, Any]:
    """Show the values of one metric of one run, all or a page of them."""
    run_id, key = run_id_of(ask), ask.fields.required("metric_key", 250)
    limit = ask.fields.integer("max_results", MOST, 1, MOST)
    after = _place(ask.fields.text("page_token", 200))
    with ask.services.database.read() as connection:
        found = points.page(connection, run_id, key, limit + 1, after)
    kept = found[:limit]
    token = {}
    if len(found) > limit:
        number, last = kept[-1]
        place = json.dumps([last.step, number]).encode()
        token = {"next_page_token": base64.urlsafe_b64encode(place).decode()}
    return {"metrics": [shapes.metric(point) for _, point in kept], **token}


def bulk(ask: Asked) -> dict[str, Any]:
    """Show one metric of several runs."""
    key = ask.fields.required("metric_key", 250)
    limit = ask.fields.integer("max_results", MOST_OF_EACH, 1, MOST_OF_EACH)
    found: list[dict[str, Any]] = []
    with ask.services.database.read() as connection:
        for run_id in _runs(ask, connection):
            page = points.page(connection, run_id, key, limit - len(found))
            found += [shapes.metric(p, run_id=run_id) for _, p in page]
            if len(found) >= limit:
                break
    return {"metrics": found}


def interval(ask: Asked) -> dict[str, Any]:
    """Show one metric of several runs at steps that are evenly apart."""
    fields = ask.fields
    key = fields.required("metric_key", 250)
    limit = fields.integer("max_results", INTERVAL, 1, INTERVAL)
    start = fields.integer("start_step") if "start_step" in fields else None
    end = fields.integer("end_step") if "end_step" in fields else None
    if (start is None) != (end is None):
        raise Invalid("If either start_step or end_step are specified, both must be.")
    if start is not None and end is not None and start > end:
        raise Invalid(f"end_step ({end}) must be greater than start_step ({start}).")
    span = None if start is None or end is None else (start, end)
    found: list[dict[str, Any]] = []
    with ask.services.database.read() as connection:
        runs = _runs(ask, connection)
        steps = points.sampled(connection, runs, key, span, limit)
        for run_id in runs:
            chosen = points.at_steps(connection, run_id, key, steps)
            found += [shapes.metric(point, run_id=run_id) for point in chosen]
    return {"metrics": found}


def _runs(ask: Asked, connection: sa.Connection) -> list[str]:
    """Return the runs that are asked for; each has to be one the caller may see."""
    ids = ask.fields.texts("run_ids", MOST_RUNS) or ask.fields.texts("run_id", 100)
    if not ids:
        raise Invalid("Missing value for required parameter 'run_ids'.")
    for run_id in ids:
        ask.must_see(run_called(connection, run_id), "run.read")
    return list(ids)


def _place(token: str) -> tuple[int, int] | None:
    if not token:
        return None
    try:
        step, number = json.loads(base64.urlsafe_b64decode(token.encode()))
        if not -(2**63) <= step < 2**63 or not 0 <= number < 2**63:
            raise ValueError
        return int(step), int(number)
    except (ValueError, TypeError):
        raise Invalid("Invalid page token") from None


_READ = "run.read"
ROUTES = (
    route(
        "GET",
        "metrics/get-history",
        _READ,
        history,
        "Show the values of a metric",
        locate=run_named,
    ),
    *(
        route("GET", path, _READ, handler, summary, lists=True)
        for path, handler, summary in (
            ("metrics/get-history-bulk", bulk, "Show a metric of several runs"),
            (
                "/ajax-api/2.0/mlflow/metrics/get-history-bulk",
                bulk,
                "Show a metric of several runs, as MLflow's pages ask",
            ),
            (
                "metrics/get-history-bulk-interval",
                interval,
                "Show a metric of several runs at even steps",
            ),
        )
    ),
)
