"""The API describes itself, and the description is of what is served."""

import re

from roadbed.access.actions import PUBLIC
from roadbed.server.hot import HOT_ROUTES
from roadbed.server.metrics import Metrics
from roadbed.server.oauth import OPEN_ROUTES
from roadbed.server.openapi import document
from roadbed.server.table import BESIDE, all_routes, api_routes

OTHERS = (HOT_ROUTES, OPEN_ROUTES, BESIDE)


def refs(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from refs(value)
    elif isinstance(node, list):
        for item in node:
            yield from refs(item)


def test_every_route_is_described_with_its_action():
    routes = api_routes(Metrics())
    described = document(routes, *OTHERS)
    found = {
        (path, method.upper(), operation["x-roadbed-action"])
        for path, ways in described["paths"].items()
        for method, operation in ways.items()
    }
    served = {(r.path, r.method, r.action) for r in all_routes(routes)}

    assert found == served - {("/healthz", "GET", PUBLIC)}


def test_every_reference_leads_somewhere():
    described = document(api_routes(Metrics()), HOT_ROUTES, OPEN_ROUTES, BESIDE)
    known = {f"#/components/schemas/{n}" for n in described["components"]["schemas"]}

    assert set(refs(described)) <= known
    assert described["openapi"] == "3.1.0"


def test_operations_have_names_of_their_own():
    described = document(api_routes(Metrics()), HOT_ROUTES, OPEN_ROUTES, BESIDE)
    names = [o["operationId"] for w in described["paths"].values() for o in w.values()]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
