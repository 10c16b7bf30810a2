"""The API answers whatever it is asked as its own description says.

Schemathesis reads the OpenAPI document that a real server serves, makes requests of
it, right ones and wrong ones, and holds the answers to it. The number of examples is
bounded: MOST for each operation and role, so that all of it takes well under a minute;
a longer search needs only a larger number here.
"""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from roadbed.server.hot import HOT_ROUTES
from roadbed.server.metrics import Metrics
from roadbed.server.mlflow.app import is_tracking
from roadbed.server.oauth import OPEN_ROUTES
from roadbed.server.openapi import document
from roadbed.server.table import BESIDE, api_routes
from tests.server.api.estate import key_of, serving_estate

MOST = 3
ROLES = ["platform-engineer", "security-admin", "auditor", ""]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(
    document(api_routes(Metrics()), HOT_ROUTES, OPEN_ROUTES, BESIDE)
)
OURS = SCHEMA.exclude(tag="tracking")
"""Without MLflow's protocol, which has tests of its own: tests/server/mlflow."""


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    with serving_estate(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def test_the_document_that_is_searched_is_the_one_that_is_served(estate):
    """Fuzz: nothing is served that the search does not see."""
    status, _, served = estate.ask("GET", "/api/openapi.json", "viewer")

    assert status == 200
    assert set(served["paths"]) == set(SCHEMA.raw_schema["paths"])


@pytest.mark.parametrize("role", ROLES)
@OURS.parametrize()
@settings(
    max_examples=MOST,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case, role, estate):
    """Fuzz: no 5xx, no stack trace, and no answer that is not in the document."""
    headers = {"Authorization": f"Bearer {key_of(role)}"} if role else {}
    answer = case.call(base_url=estate.house.url, headers=headers, timeout=20)

    case.validate_response(answer, checks=CHECKS)
    assert b"Traceback" not in answer.content


BODIES = [b"\xff", b"[" * 5000, b'{"a":' * 2000, b"null", b"1e999", b'"\\ud800"', b"{}"]


@pytest.mark.parametrize("body", BODIES)
def test_no_body_brings_an_operation_down(estate, body):
    """Fuzz: what is no JSON of ours is told so, on every operation with a body."""
    operations = [
        (path, method)
        for path, ways in SCHEMA.raw_schema["paths"].items()
        for method in ways
        if method in ("post", "put", "patch")
    ]
    for path, method in operations:
        status, _, told = estate.ask(method.upper(), path, "platform-engineer", body)

        # MLflow's searches need nothing, and find what there is.
        assert 400 <= status < 500 or (status == 200 and is_tracking(path)), path
        assert "Traceback" not in json.dumps(told, default=str)
