"""Every route of this server, with the action it needs, in one list."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.access.actions import ACTIONS, PUBLIC
from roadbed.core.errors import Invalid
from roadbed.server import openapi
from roadbed.server.api import (
    access,
    approvals,
    audit,
    calls,
    datasets,
    evaluations,
    explain,
    feedback,
    money,
    proof,
    quality,
    questions,
    registry,
    rollouts,
    stack,
    state,
    tokens,
)
from roadbed.server.hot import HOT_ROUTES
from roadbed.server.metrics import Metrics
from roadbed.server.mlflow.table import ROUTES as TRACKING_ROUTES
from roadbed.server.oauth import OPEN_ROUTES
from roadbed.server.rest import ConsoleRoute
from roadbed.server.routes import Ask, Route

ROOMS = (
    *(access, tokens, explain, money, stack, registry, datasets, questions, approvals),
    *(rollouts, evaluations, calls, feedback, quality, proof, audit),
)
"""The modules of the control API, in the order in which it is described."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One route: where it is and what it needs."""

    path: str
    method: str
    action: str


def api_routes(metrics: Metrics) -> tuple[Route, ...]:
    """Return the routes of the control API, the one that describes them last."""
    routes = (
        *(route for room in ROOMS for route in room.ROUTES),
        *state.state_routes(metrics),
    )
    described: list[dict[str, Any]] = []

    def describe(ask: Ask) -> dict[str, Any]:
        if not described:
            described.append(
                openapi.document(
                    (*routes, own), HOT_ROUTES, OPEN_ROUTES, TRACKING_ROUTES
                )
            )
        return described[0]

    own = Route(
        method="GET",
        path="/api/openapi.json",
        action="session.read",
        handler=describe,
        summary="Describe this API (OpenAPI 3.1)",
        answer=dict[str, Any],
        tag="state",
    )
    return (*routes, own)


def all_routes(
    routes: Iterable[Route], console: Sequence[ConsoleRoute] = ()
) -> list[Line]:
    """List every route that is served, in the order of the paths.

    Raises Invalid if one of them declares no action: such a route is not served.
    """
    lines = [
        Line(r.path, r.method, r.action)
        for r in (*HOT_ROUTES, *OPEN_ROUTES, *TRACKING_ROUTES, *routes)
    ]
    lines += [Line(path, method, action) for method, path, action, _ in console]
    lines.append(Line("/healthz", "GET", PUBLIC))
    if console:
        lines.append(Line("/", "GET", PUBLIC))
    undeclared = [line for line in lines if line.action not in (*ACTIONS, PUBLIC)]
    if undeclared:
        raise Invalid(f"a route without an action that exists: {undeclared[0]}")
    return sorted(lines)
