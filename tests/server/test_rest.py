"""Nobody gets anywhere without a key, and nobody beyond their role."""

import json
import re

import pytest
from starlette.responses import HTMLResponse

from roadbed.access.actions import ACTIONS, PUBLIC
from roadbed.access.authority import compile_policies
from roadbed.access.matrix import allows
from roadbed.access.roles import ROLES
from tests.server.api.estate import serving_estate
from tests.server.house import EXPIRED


async def page(request):
    return HTMLResponse("hello", headers={"Cache-Control": "max-age=60"})


async def broken_page(request):
    raise ZeroDivisionError("a secret path: /etc/shadow")


CONSOLE = [
    ("GET", "/console/sign-in", PUBLIC, page),
    ("POST", "/console/sign-in", PUBLIC, page),
    ("GET", "/console/broken", PUBLIC, broken_page),
    ("GET", "/console/{rest:path}", PUBLIC, page),
]


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    with serving_estate(tmp_path_factory.mktemp("estate"), CONSOLE) as made:
        yield made


def filled(path):
    return re.sub(r"\{\w+(:path)?\}", "x", path)


def test_every_route_names_an_action_that_exists(estate):
    unknown = [r for r in estate.routes if r.action not in (*ACTIONS, PUBLIC)]

    assert unknown == []
    assert len(estate.routes) > 30


def test_public_is_health_and_where_one_proves_who_one_is(estate):
    public = {r.path for r in estate.routes if r.action == PUBLIC}

    assert {p for p in public if not p.startswith("/console/")} == {
        *("/", "/health", "/healthz", "/v2/health/live", "/v2/health/ready"),
        *("/oauth/token", "/oauth/jwks.json"),
        "/.well-known/oauth-authorization-server",
    }


def test_pages_of_the_console_are_shown_as_they_are(estate):
    status, headers, told = estate.ask("GET", "/console/sign-in")

    assert (status, told) == (200, b"hello")
    assert headers["cache-control"] == "max-age=60"
    assert headers["x-frame-options"] == "DENY"
    assert estate.ask("GET", "/")[1]["location"] == "/console"
    assert estate.ask("DELETE", "/console/sign-in")[0] == 401


def test_a_page_that_breaks_tells_nobody_how(estate):
    status, _, told = estate.ask("GET", "/console/broken")

    assert status == 500
    assert "secret" not in str(told)


@pytest.mark.parametrize("key", ["", "rbk_wrong", EXPIRED, "\u00e9"])
def test_every_other_route_is_401_without_a_key_that_works(estate, key):
    given = {"Authorization": f"Bearer {key}".encode("latin-1")} if key else {}
    wrong = []
    for route in estate.routes:
        if route.action != PUBLIC:
            status, headers, _ = estate.ask(
                route.method, filled(route.path), headers=given
            )
            if status != 401 or "www-authenticate" not in headers:
                wrong.append((route, status))

    assert wrong == []


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/v1/nothing", "/v1/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_a_stranger_cannot_tell_what_exists(estate, method, path):
    there = estate.ask(method, "/api/v1/keys")
    absent = estate.ask(method, path)

    assert (there[0], absent[0]) == (401, 401)
    if not path.startswith("/v1"):
        assert there[2] == absent[2]


def test_a_role_reaches_exactly_what_its_actions_allow(estate):
    authority, wrong = compile_policies({}), []
    for role in ROLES:
        for route in estate.routes:
            if route.action in (PUBLIC, "endpoint.read", "endpoint.infer"):
                continue
            may = allows(authority, role, ACTIONS[route.action])
            status, _, told = estate.ask(route.method, filled(route.path), role, {})
            if (status == 403) == may:
                wrong.append((role, route, status, told))

    assert wrong == []


def test_a_refusal_is_an_audit_entry_that_says_what_was_asked(estate):
    status, headers, told = estate.ask("GET", "/api/v1/keys", "viewer")
    entries = estate.ask("GET", "/api/v1/audit/entries?outcome=denied", "auditor")[2]

    assert status == 403
    assert headers["content-type"] == "application/problem+json"
    assert "security-admin" in told["hint"]
    mine = [e for e in entries["entries"] if e["actor"] == "service-account:viewer"]
    assert mine[0]["action"] == "key.list"
    assert mine[0]["detail"]["where"] == "GET /api/v1/keys"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/api/v1/keys", 405),
        ("OPTIONS", "/api/v1/keys", 405),
        ("GET", "/api/v1/plan", 405),
        ("HEAD", "/api/v1/whoami", 200),
        ("GET", "/api/v1/keys/", 404),
    ],
)
def test_who_is_known_is_told_what_is_not_there(estate, method, path, status):
    got, headers, told = estate.ask(method, path, "viewer")

    assert got == status
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert b"Traceback" not in json.dumps(told if told else "", default=str).encode()


BAD = [
    ("GET", "/api/v1/calls?limit=0", None),
    ("GET", "/api/v1/calls?limit=x", None),
    ("GET", "/api/v1/calls?nonsense=1", None),
    ("GET", "/api/v1/calls?before=nonsense", None),
    ("GET", "/api/v1/calls/not-a-call", None),
    ("GET", "/api/v1/calls/not-a-call/why", None),
    ("GET", "/api/v1/series?since_us=1", None),
    ("POST", "/api/v1/plan", b""),
    ("POST", "/api/v1/plan", b"{"),
    ("POST", "/api/v1/plan", b"[]"),
    ("POST", "/api/v1/plan", b"[" * 100_000),
    ("POST", "/api/v1/plan", b'{"files": {"a.yaml": 3}}'),
    ("POST", "/api/v1/plan", b'{"files": {"../a.yaml": "x"}}'),
    ("POST", "/api/v1/plan", b'{"files": {"/etc/a.yaml": "x"}}'),
    ("POST", "/api/v1/plan", b'{"files": {".git/a.yaml": "x"}}'),
    ("POST", "/api/v1/plan", b'{"files": {"a": "x", "a/b.yaml": "x"}}'),
    ("POST", "/api/v1/plan", b'{"files": {"a.yaml": "kind: Nonsense"}}'),
    ("POST", "/api/v1/plan", b'{"files": {}}'),
    ("POST", "/api/v1/plan", b'{"files": {"a.yaml": "\\ud800"}}'),
    ("POST", "/api/v1/plan", b"\xff"),
    ("POST", "/api/v1/apply", b'{"files": {"a.yaml": "x"}}'),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD)
def test_bad_input_is_a_problem_with_a_reason(estate, method, path, body):
    status, headers, told = estate.ask(method, path, "platform-engineer", body)

    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert told["detail"]
    assert told["status"] == 400


def test_a_body_beyond_the_limit_is_413(estate):
    body = b'{"files": {"a": "' + b"x" * (2 * 1024 * 1024) + b'"}}'
    status, _, told = estate.ask("POST", "/api/v1/plan", "ci", body)

    assert status == 413
    assert told["code"] == "too_large"


def test_health_needs_no_key_and_says_little(estate):
    status, _, told = estate.ask("GET", "/healthz")

    assert (status, told) == (200, {"status": "ok"})
