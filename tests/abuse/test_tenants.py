"""Nobody reaches another tenant's data, and lists never show what a get refuses."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from roadbed.access.actions import ACTIONS, PUBLIC
from roadbed.access.visible import PLATFORM
from roadbed.cli import roadbed
from roadbed.cli._acts import action_of, leaves
from roadbed.core.errors import Invalid
from roadbed.server.mlflow.app import is_tracking
from roadbed.server.table import all_routes
from tests.abuse.tenants import HIDDEN, MARKS, chat, filled, serving_tenants

GOLDEN = Path(__file__).with_name("public.txt")
METACHARACTERS = [
    "' OR '1'='1",
    "x'; DROP TABLE calls; --",
    '" OR ""="',
    '{"$ne": null}',
    "[$regex]=.*",
    "*",
    "%",
    "_",
    "zbetaz%",
    "\\",
    "a\x00b",
    "$(id)",
    "{{7*7}}",
    "../../etc/passwd",
    "a\nb",
    "\u202egnp",
    "1; SELECT pg_sleep(5)",
]
MANY = "x" * 5_000


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    with serving_tenants(tmp_path_factory.mktemp("tenants")) as made:
        yield made


def others(tenant):
    return [each for each in MARKS if each != tenant]


def lists(line):
    """Every route that answers without being told a name."""
    plain = [r for r in line.routes if r.method == "GET" and "{" not in r.path]
    return [r for r in plain if r.action != PUBLIC and not by_query(r)]


def by_query(route):
    """Whether a route names in its query what it shows: see tests/server/mlflow."""
    listing = route.path.rpartition("/")[2] in ("search", "server-info")
    return is_tracking(route.path) and route.path != "/version" and not listing


def with_query(path):
    if path == "/api/v1/series":
        return f"{path}?since_us=0&until_us={2**60}&step_us={2**50}"
    if path == "/api/v1/cost":
        return f"{path}?since_us=0&until_us={2**60}"
    if path == "/api/v1/access/can":
        return f"{path}?who=service-account:zdefz-all&action=endpoint.infer"
    if path == "/api/v1/access/who":
        return f"{path}?action=endpoint.infer"
    if path.startswith("/api/v1/datasets/") and path.endswith("/diff"):
        return f"{path}?against=1"
    return path


def test_everybody_sees_what_is_theirs(line):
    """Case 17: a listing that shows nothing would leak nothing either."""
    for tenant, mark in MARKS.items():
        for route in line.api:
            if route.lists:
                told = line.ask("GET", with_query(route.path), tenant)

                assert told.status == 200, (route.path, told.text)
                assert told.json[route.lists], route.path
                assert mark in told.text


def test_no_listing_names_what_another_tenant_has(line):
    """Case 17: enumerated: every route and page that takes no name, for everybody."""
    leaks = []
    for tenant in MARKS:
        for route in lists(line):
            if tenant == "default" and ACTIONS[route.action].kind == "AuditLog":
                continue  # one log for all; it belongs to the platform
            told = line.ask("GET", with_query(route.path), tenant)
            foreign = [t for other in others(tenant) for t in line.secrets_of(other)]
            leaks += [(tenant, route.path, t) for t in foreign if t in told.text]
            assert told.status in (200, 303, 403), (route, told.status)

    assert leaks == []


def test_no_listing_names_what_a_policy_hides(line):
    """Case 17: a label forbids one endpoint, and it is in no list any more."""
    paths = ["/v1/models", "/api/v1/resources", "/api/v1/snapshot", "/api/v1/revisions"]
    pages = ["/console", "/console/endpoints", "/console/resources"]
    for path in [*paths, *pages]:
        told = line.ask("GET", path, "acme")

        assert "zacmez-bot" in told.text
        assert f"zacmez-{HIDDEN}" not in re.sub(r"option[^<]*", "", told.text), path


def test_every_listing_is_marked_as_one(line):
    """Case 17: a route whose answer holds a list says which, or finds one thing."""
    loose = [
        r.path
        for r in line.api
        if r.method == "GET" and r.action not in ("session.read",)
        if not (r.lists or r.locate) and ACTIONS[r.action].kind not in PLATFORM
    ]

    assert loose == []


def test_platform_routes_are_for_the_platform(line):
    """Case 14: the stack, the audit log and the metrics belong to `default`."""
    for tenant in ("acme", "beta"):
        for route in line.routes:
            if route.action != PUBLIC and ACTIONS[route.action].kind in PLATFORM:
                told = line.ask(route.method, line.named(tenant, route)[0], tenant, {})

                assert told.status == 403, route
                assert "zbetaz" not in told.text.replace("zbetaz-all", "")


def located(line):
    return [r for r in line.api if r.locate and r.target]


def test_a_foreign_id_in_a_path_is_one_that_does_not_exist(line):
    """Case 14: every route of the API, by status, body and headers."""
    for owner in ("beta", "default"):
        for route in located(line):
            mine, nobodys = map(with_query, line.named(owner, route))
            body = {} if getattr(route, "body", None) else None
            foreign = line.ask(route.method, mine, "acme", body)
            absent = line.ask(route.method, nobodys, "acme", body)

            assert (foreign.status, absent.status) == (404, 404), route.path
            assert foreign.plain(mine) == absent.plain(nobodys), route.path
            assert foreign.headers.keys() == absent.headers.keys()


def test_what_is_ones_own_is_found(line):
    """Case 14: the same paths answer those who own what they name."""
    for route in located(line):
        if route.method == "GET":
            told = line.ask("GET", with_query(line.named("beta", route)[0]), "beta")

            expected = (404,) if route.path.endswith("/content") else (200, 503)
            assert told.status in expected, (route.path, told.text)


def asked(path, name):
    """What may be asked of *name* at *path*: each reads what it knows of these."""
    whole = {"input": "What is tea?", "query": "tea", "documents": ["What is tea?"]}
    if path.startswith("/v1/messages"):
        return chat(name) | {"max_tokens": 9}
    return chat(name) if path.endswith("completions") else {"model": name, **whole}


def test_a_foreign_endpoint_on_the_hot_lane_is_one_that_does_not_exist(line):
    """Case 14: names in the path and in the body of a call."""
    tensors = {"inputs": []}
    for route in line.hot:
        if "{" not in route.path and route.method == "GET":
            continue
        mine, nobodys = line.named("beta", route)
        given = ("zbetaz-bot", "zbetaz-abc")
        chats = route.path.startswith("/v1/")
        bodies = [asked(route.path, name) if chats else tensors for name in given]
        found = line.ask(route.method, mine, "acme", bodies[0])
        absent = line.ask(route.method, nobodys, "acme", bodies[1])

        assert found.status == absent.status == (404 if chats else absent.status)
        assert found.status in (400, 404)
        assert found.plain(f"{mine}/{given[0]}") == absent.plain(
            f"{nobodys}/{given[1]}"
        )


def test_a_foreign_page_is_one_that_does_not_exist(line):
    """Case 14: every page of the console that is named in its address."""
    pages = [r for r in line.routes if r.path.startswith("/console/")]
    named = [r for r in pages if "{name}" in r.path or "{rollout}" in r.path]
    assert len(named) >= 6
    for route in named:
        mine, nobodys = line.named("beta", route)
        foreign = line.ask(route.method, mine, "acme")
        absent = line.ask(route.method, nobodys, "acme")

        assert (foreign.status, absent.status) == (404, 404), route.path
        assert foreign.plain(mine) == absent.plain(nobodys)
        if route.method == "GET":
            assert line.ask(route.method, mine, "beta").status == 200


@pytest.mark.parametrize(
    "query",
    [
        "/api/v1/calls?endpoint=zbetaz-zhidez",
        "/api/v1/calls?model=zbetaz-bot",
        "/api/v1/calls?model=zbetaz-bot@1",
        "/api/v1/calls?principal=service-account:zbetaz-all",
        "/api/v1/runs?name=zbetaz-run",
        "/console/calls?endpoint=zbetaz-zhidez",
    ],
)
def test_a_filter_that_names_what_is_foreign_finds_nothing(line, query):
    """Case 14: filters count and list as if it did not exist."""
    absent = query.replace("zbetaz", "zgammaz")

    found = line.ask("GET", query, "acme").text.replace("zbetaz", "zgammaz")
    assert line.calls["beta"][0] not in found
    assert found.count("local-") == line.ask("GET", absent, "acme").text.count("local-")


def test_a_grade_of_a_foreign_call_is_one_of_a_call_that_does_not_exist(line):
    """Case 14: the id of a response, as an exporter of OpenTelemetry names it."""
    foreign, told = line.calls["beta"][0], []
    for call in (foreign, foreign[:-3] + "abc"):
        said = {"gen_ai.evaluation.name": "tone", "gen_ai.response.id": call}
        said["gen_ai.evaluation.score.label"] = "good"
        pairs = [{"key": n, "value": {"stringValue": v}} for n, v in said.items()]
        record = {"eventName": "gen_ai.evaluation.result", "attributes": pairs}
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        kind = {"Content-Type": "application/json"}
        answer = line.ask("POST", "/v1/logs", "acme", body, **kind)
        told.append((answer.status, answer.text.replace(call, "…")))

    # So new a call might lie on another replica, whosever it is.
    assert told[0] == told[1]
    assert told[0][0] == 503
    path = f"/api/v1/calls/{foreign}/feedback"
    assert "tone" not in line.ask("GET", path, "beta").text


def test_a_foreign_call_continues_no_list(line):
    """Case 14: a cursor that is the id of a foreign call, or of none."""
    foreign = line.calls["beta"][0]
    unknown = foreign[:-3] + "abc"

    one = line.ask("GET", f"/api/v1/calls?before={foreign}", "acme")
    other = line.ask("GET", f"/api/v1/calls?before={unknown}", "acme")
    assert (one.status, other.status) == (404, 404)
    assert one.text.replace(foreign, "…") == other.text.replace(unknown, "…")


def test_a_list_is_as_long_as_if_there_were_nobody_else(line):
    """Case 14: pages, cursors and counts know of the caller's calls only."""
    calls, before = [], ""
    while before is not None:
        page = line.ask("GET", f"/api/v1/calls?limit=2&before={before}", "acme").json
        calls, before = calls + page["calls"], page["before"]
    series = line.ask("GET", with_query("/api/v1/series"), "acme").json["points"]

    assert {c["call_id"] for c in calls} >= set(line.calls["acme"])
    assert {c["tenant"] for c in calls} == {"acme"}
    assert sum(p["calls"] for p in series) == len(calls)
    assert {p["endpoint"] for p in series} >= {"zacmez-bot"}


@pytest.mark.parametrize("name", ["X-Tenant", "X-Roadbed-Tenant", "Tenant", "X-Org-Id"])
def test_a_tenant_in_a_header_is_ignored(line, name):
    """Case 14: who is asked for is who the key says."""
    for path in ("/api/v1/whoami", "/v1/models", "/api/v1/calls", "/api/v1/keys"):
        told = line.ask("GET", path, "acme", **{name: "beta"})

        assert told.text == line.ask("GET", path, "acme").text


def test_a_tenant_in_a_query_is_an_unknown_field(line):
    """Case 14: every route that reads a query."""
    read = [r for r in line.api if r.query]
    assert len(read) >= 6
    for route in read:
        path = with_query(line.named("default", route)[0])
        told = line.ask(
            "GET", path + ("&" if "?" in path else "?") + "tenant=beta", "default"
        )

        assert told.status == 400, path


def test_a_key_for_a_foreign_account_is_not_made(line):
    """Case 14: an account in a body, like one that nobody declared."""
    told = [
        line.ask("POST", "/api/v1/keys", "acme", {"account": account})
        for account in ("zbetaz-all", "zgammaz-all", "operator")
    ]

    assert [t.status for t in told] == [404, 404, 404]
    assert len({re.sub(r"'[\w-]+'", "…", t.text) for t in told}) == 1


def test_every_body_and_query_refuses_what_it_does_not_know(line):
    """Case 11: no model takes fields that nobody declared."""
    models = {m for r in line.api for m in (r.body, r.query) if m is not None}
    assert len(models) >= 8
    assert [m for m in models if m.model_config.get("extra") != "forbid"] == []


ESCALATIONS = {
    "roles": ["platform-engineer"],
    "groups": ["company/admins"],
    "tenant": "default",
    "scope": ["stack.apply"],
    "mandate": ["stack.apply"],
    "residency": [],
    "labels": {"team": "root"},
    "created_by": "system:roadbed",
    "expires_us": 2**62,
    "fresh_until_us": 2**62,
    "kind": "system",
    "actor": "system:roadbed",
    "principal": "system:roadbed",
    "id": "zbetaz",
    "secret": "rbk_mine",
    "admin": True,
    "revoked_us": None,
}


def test_nobody_assigns_themselves_more_than_they_have(line):
    """Case 11: each privileged name, in the body of every route that reads one."""
    before = line.ask("GET", "/api/v1/whoami", "acme").text
    keys = line.ask("GET", "/api/v1/keys", "acme").json
    for route in [r for r in line.api if r.body]:
        own = {
            n: f.get_default(call_default_factory=True)
            for n, f in route.body.model_fields.items()
        }
        good = {
            n: "zacmez-all" if f.is_required() else own[n]
            for n, f in route.body.model_fields.items()
        }
        for name, value in ESCALATIONS.items():
            if name not in route.body.model_fields:
                path = line.named("acme", route)[0]
                told = line.ask(route.method, path, "acme", {**good, name: value})

                assert told.status in (400, 403), (route.path, name, told.text)

    assert line.ask("GET", "/api/v1/whoami", "acme").text == before
    assert line.ask("GET", "/api/v1/keys", "acme").json == keys


@pytest.mark.parametrize(
    "value", [None, 0, -1, 2**70, True, [], {}, "", "*", MANY, [{}], "'"]
)
def test_every_writable_field_takes_nothing_odd(line, value):
    """Case 11: each field of each body with each odd value: refused, never a 500."""
    for route in [r for r in line.api if r.body]:
        for name in route.body.model_fields:
            good = {"account": "zacmez-all", "plan": "x", "files": {}, "documents": []}
            kept = {n: v for n, v in good.items() if n in route.body.model_fields}
            path = line.named("default", route)[0]
            for who in ("acme", "default"):
                told = line.ask(route.method, path, who, {**kept, name: value})
                fine = (200,) if route.path.endswith("/plan") else ()
                free = name in (
                    "reason",
                    "token_id",
                    "after",
                )  # any text may stand there
                fine = (200, 201) if free and isinstance(value, str) else fine

                assert told.status in (400, 403, 404, 409, *fine), (
                    route.path,
                    name,
                    told.text,
                )


def test_a_key_is_worth_what_the_stack_declares(line):
    """Case 11: a key that was just made has its account's roles and its tenant."""
    wanted = {"account": "zacmez-all", "days": 1}
    made = line.ask("POST", "/api/v1/keys", "acme", wanted)
    proven = line.app.authenticate(made.json["secret"])
    line.ask("DELETE", f"/api/v1/keys/{made.json['id']}", "acme")

    assert made.status == 201
    assert proven.tenant == "acme"
    assert proven.roles == line.app.authenticate(line.keys["acme"]).roles


def test_who_has_every_role_in_a_tenant_has_none_on_the_platform(line):
    """Case 11: roles that act on the stack do nothing for another tenant's account."""
    stack = {"files": {}, "documents": []}
    told = line.ask("GET", "/api/v1/whoami", "acme").json

    assert "platform-engineer" in told["roles"]
    assert not {"stack.apply", "stack.plan", "audit.read", "metrics.read"} & set(
        told["actions"]
    )
    for path in ("/api/v1/plan", "/api/v1/apply"):
        refused = line.ask("POST", path, "acme", {**stack, "plan": "x"})
        assert refused.status == 403
        assert "roadbed/tenants" in refused.text


def test_every_route_has_an_action_and_the_public_ones_are_reviewed(line):
    """Case 13: what needs nobody to be known is a short list in a file."""
    public = [f"{r.method} {r.path}" for r in line.routes if r.action == PUBLIC]
    for route in line.hot:
        assert any(
            (route.path, route.method) == (r.path, r.method) for r in line.routes
        )

    assert "\n".join(public) + "\n" == GOLDEN.read_text()


def test_a_route_without_an_action_is_not_served(line):
    """Case 13: the server does not begin with one."""
    page = ("GET", "/console/hidden", "", line.pages[0][3])

    with pytest.raises(Invalid, match="without an action"):
        all_routes(line.api, [*line.pages, page])


def test_a_stranger_is_told_401_everywhere(line):
    """Case 13: every route of the API, the hot lane, the console and the metrics."""
    for route in line.routes:
        if route.action != PUBLIC:
            for path in line.named("acme", route):
                told = line.ask(route.method, path, body={})

                assert told.status == 401, route
                assert not [
                    m for m in MARKS.values() if m in told.text.replace(path, "")
                ]


@pytest.mark.parametrize("text", METACHARACTERS)
def test_metacharacters_in_credentials_prove_nothing(line, text):
    """Case 22: in the Authorization header and in the cookie."""
    raw = text.encode("utf-8").replace(b"\n", b" ").replace(b"\x00", b"")
    for path in ("/api/v1/whoami", "/v1/models", "/console"):
        told = line.ask(
            "GET",
            path,
            Authorization=b"Bearer " + raw,
            Cookie=b"roadbed-session=" + raw,
        )

        assert told.status in (400, 401), path


@pytest.mark.parametrize("text", METACHARACTERS)
def test_metacharacters_in_names_find_nothing(line, text):
    """Case 22: in each part of each path."""
    for route in line.routes:
        parts = re.findall(r"\{([\w:]+)\}", route.path)
        if parts and route.action != PUBLIC:
            path = filled(route.path, dict.fromkeys(parts, text))
            told = line.ask(route.method, path, "default", {})

            # What slashes lead to is no page that takes a form.
            pages = route.method == "POST" and route.path.startswith("/console/")
            nothing = (400, 404, 405) if pages else (400, 404)
            assert told.status in nothing, (route, told.status, told.text[:300])


@pytest.mark.parametrize("text", METACHARACTERS)
def test_metacharacters_in_filters_find_nothing(line, text):
    """Case 22: in each field of each query, and as a field's name or a sort key."""

    for route in [r for r in line.api if r.query]:
        base = dict(since_us=0, until_us=1) if route.path.endswith("series") else {}
        for field in route.query.model_fields:
            asked = urlencode({**base, field: text})
            told = line.ask(
                "GET", f"{line.named('default', route)[0]}?{asked}", "default"
            )
            found = (
                told.json.get(route.lists) if told.status == 200 and route.lists else []
            )

            assert told.status in (200, 400, 404), (route.path, field, told.text)
            assert not found or text in ("*",), (route.path, field)
        for extra in ({"sort": text}, {"order_by": text}, {text: "x"}):
            told = line.ask(
                "GET",
                f"{line.named('default', route)[0]}?{urlencode({**base, **extra})}",
                "default",
            )
            assert told.status == 400


@pytest.mark.parametrize("text", METACHARACTERS)
def test_metacharacters_in_bodies_and_labels_are_text(line, text):
    """Case 22: an account, a path of a file, a label and a name of a resource."""
    label = {
        "kind": "Dataset",
        "apiVersion": "roadbed/v1",
        "spec": {},
        "metadata": {"name": text, "labels": {text: text}},
    }
    for path, body in (
        ("/api/v1/keys", {"account": text}),
        ("/api/v1/plan", {"files": {text: text}}),
        ("/api/v1/plan", {"documents": [label]}),
        ("/v1/chat/completions", chat(text)),
    ):
        told = line.ask("POST", path, "default", body)

        assert told.status in (400, 404), (path, told.text)
    assert json.loads(line.ask("GET", "/api/v1/keys", "default").text)["keys"]


def run_command(line, monkeypatch, words, tenant="acme"):
    """Return what a command prints to somebody of *tenant*, and how it ends."""
    monkeypatch.chdir(line.folder)
    monkeypatch.setenv("ROADBED_KEY", line.keys[tenant])
    ended = CliRunner().invoke(roadbed, words)
    error = ended.exception
    told = str(error) if error and not isinstance(error, SystemExit) else ""
    return ended.exit_code, ended.output + told


NAMED = {
    "calls get": "call",
    "dataset list": "dataset",
    "dataset verify": "version",
    "key revoke": "key",
    "model get": "version",
    "model list": "model",
    "why": "call",
}
"""What each command that names one thing names; the others are lists, or the
platform's."""


@pytest.mark.parametrize("words", sorted(NAMED))
def test_a_command_finds_nothing_of_another_tenant(line, monkeypatch, words):
    """Case 14: the same words for a foreign id as for one that was made up."""
    known = {
        "call": line.calls["beta"][0],
        "dataset": "zbetaz-bot",
        "key": line.key_ids["beta"],
        "model": "zbetaz-bot",
        "version": "zbetaz-bot@1",
    }
    foreign = known[NAMED[words]]
    absent = "zgamaz-bot@1" if "@" in foreign else foreign[:-3] + "abc"

    one = run_command(line, monkeypatch, [*words.split(), foreign])
    other = run_command(line, monkeypatch, [*words.split(), absent])
    shown = [
        (code, text.replace(f.partition("@")[0], "…"))
        for (code, text), f in ((one, foreign), (other, absent))
    ]

    assert one[0] != 0
    assert shown[0] == shown[1]


def test_every_command_lists_its_own_tenant_only(line, monkeypatch):
    """Case 17: enumerated: every command that has an action and takes no name."""
    skipped = {*NAMED, "key create", "audit export", "apply", "plan"}
    shown = set()
    for words, command in leaves(roadbed):
        if action_of(command) not in ("", PUBLIC) and words not in skipped:
            _, told = run_command(line, monkeypatch, words.split())
            foreign = [t for o in others("acme") for t in line.secrets_of(o)]

            # A call to what does not exist keeps the name that its caller wrote.
            ours = "\n".join(x for x in told.splitlines() if " error " not in x)
            assert not [t for t in foreign if t in ours], words
            # Calls that may be read are listed, and their cost is summed up.
            of_calls = words in ("calls list", "cost")
            assert f"zacmez-{HIDDEN}" not in told or of_calls
            shown |= {words} if "zacmez" in told else set()

    assert shown >= {"calls list", "key list", "whoami", "doctor"}
