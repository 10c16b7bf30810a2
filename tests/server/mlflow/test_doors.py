"""Who may do what by the protocol: strangers, viewers, other tenants, odd requests."""

import re

import pytest

from roadbed.access.actions import ACTIONS, PUBLIC
from roadbed.server.mlflow.table import ROUTES
from tests.server.mlflow.conftest import FILES


@pytest.fixture(scope="module")
def mine(ada):
    """What ada has, by the names of fields that name it."""
    folder = ada.post("experiments/create", name="mine")["experiment_id"]
    run = ada.run(folder)
    ada.put(run, "model/MLmodel", b"x")
    ada.post("registered-models/create", name="mine")
    told = {"name": "mine", "source": f"{run['artifact_uri']}/model"}
    ada.post("model-versions/create", **told)
    ada.post("registered-models/alias", name="mine", alias="champion", version="1")
    model = ada.post("logged-models", experiment_id=folder, name="m")["model"]["info"]
    return {
        "experiment_id": folder,
        "run_id": run["run_id"],
        "name": "mine",
        "version": "1",
        "model_id": model["model_id"],
        "tag_key": "t",
        "path": f"{folder}/{run['run_id']}/artifacts/model/MLmodel",
        "model": "mine",
        "number": "1",
    }


NOBODYS = {
    "experiment_id": "123456789012345678",
    "run_id": "01a00000-0000-7000-8000-000000000000",
    "name": "mone",
    "model_id": "m-" + "0" * 32,
    "model": "mone",
    "path": "1/01a00000-0000-7000-8000-000000000000/artifacts/model/MLmodel",
}
MORE = {
    "key": "k",
    "value": 1,
    "timestamp": 1,
    "new_name": "n",
    "metric_key": "m",
    "alias": "champion",
    "stage": "Staging",
    "model_json": "{}",
    "status": "FINISHED",
    "source": "runs:/x",
}
NAMING = [
    r
    for r in ROUTES
    if r.action not in (PUBLIC, "session.read")
    and not r.path.endswith(("/search", "create", "logged-models", "get-by-name"))
    and r.path != FILES[:-1]
]


def asked(client, route, named):
    """Return what is told of a request that names these things, wherever it does."""
    path = re.sub(r"\{(\w+)\}", lambda m: named[m[1]], route.path)
    fields = {k: named[k] for k in ("experiment_id", "run_id", "name", "version")}
    body = fields | MORE
    if route.method == "GET":
        query = "&".join(
            f"{k}={v}" for k, v in (body | {"run_ids": named["run_id"]}).items()
        )
        return client.ask("GET", f"{path}?{query}")
    return client.ask(route.method, path, body)


@pytest.mark.parametrize("route", NAMING, ids=lambda r: f"{r.method} {r.path}")
def test_what_is_of_another_tenant_does_not_exist(abe, mine, route):
    """Case 14: the same answer for what is foreign as for what nobody has."""
    foreign = asked(abe, route, mine)
    absent = asked(abe, route, mine | NOBODYS)
    told = [str(answer[2]) for answer in (foreign, absent)]
    for name, nobodys in NOBODYS.items():
        told[0] = told[0].replace(mine[name], "…")
        told[1] = told[1].replace(nobodys, "…")

    assert foreign[0] == absent[0], (route, told)
    assert foreign[0] in (400, 404, 501), told
    assert told[0] == told[1]


def test_searches_show_no_other_tenant(ada, abe, mine):
    for path in ("experiments/search", "logged-models/search", "runs/search"):
        wanted = {"experiment_ids": [mine["experiment_id"]], "max_results": 100}
        told = str(abe.post(path, **wanted))
        assert "mine" not in told, path
        assert mine["run_id"] not in told
        assert mine["experiment_id"] not in told
    for path in ("registered-models/search", "model-versions/search"):
        assert "mine" not in str(abe.get(path))
        assert "mine" in str(ada.get(path))


def test_two_tenants_have_models_of_the_same_name(line, ada, abe, mine):
    run = abe.run()
    abe.put(run, "model/MLmodel", b"other")
    abe.post("registered-models/create", name="mine")
    told = {"name": "mine", "source": f"{run['artifact_uri']}/model"}
    made = abe.post("model-versions/create", **told)["model_version"]

    assert made["version"] == "1"
    ref = next(t["value"] for t in made["tags"] if t["key"] == "roadbed.version")
    assert ref != "mine@1"
    name = ref.partition("@")[0]
    for client, status in ((abe, 200), (ada, 404)):
        assert client.ask("GET", f"/api/v1/models/{name}/versions")[0] == status
        assert client.ask("GET", f"/api/v1/models/{name}/versions/1")[0] == status


def test_a_foreign_run_is_no_source(ada, abe, mine):
    abe.ask("POST", "registered-models/create", {"name": "thief"})
    sources = (
        f"runs:/{mine['run_id']}/model",
        f"mlflow-artifacts:/x/{mine['run_id']}/artifacts/model",
        f"models:/{mine['model_id']}",
        "mlflow-artifacts:/registry/mine/1",
    )
    for source in sources:
        told = {"name": "thief", "source": source}
        code = "RESOURCE_DOES_NOT_EXIST"
        abe.refused(code, "POST", "model-versions/create", **told)
    listed = f"{FILES[:-1]}?path=registry/mine/1"
    assert abe.ask("GET", listed)[0] == 404
    assert ada.ask("GET", listed)[0] == 200


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_every_route_has_an_action_and_strangers_have_none(line, mine, route):
    assert route.action in (*ACTIONS, PUBLIC)
    path = re.sub(r"\{(\w+)\}", lambda m: mine[m[1]], route.path)
    status, _, told = line.ask(route.method, path, body={})
    if route.action == PUBLIC:
        assert (status, told) == (200, b"OK")
    else:
        assert (status, told["error_code"]) == (401, "UNAUTHENTICATED"), route


@pytest.mark.parametrize(
    "route",
    [r for r in ROUTES if r.action in ("run.write", "model.register")],
    ids=lambda r: f"{r.method} {r.path}",
)
def test_who_only_looks_changes_nothing(line, eva, mine, route):
    status, _, told = asked(eva, route, mine)

    assert (status, told["error_code"]) == (403, "PERMISSION_DENIED"), route


def test_who_only_looks_sees(eva, mine):
    found = eva.get(f"runs/get?run_id={mine['run_id']}")["run"]
    assert found["info"]["run_id"] == mine["run_id"]
    assert eva.ask("GET", f"{FILES}{mine['path']}")[2] == b"x"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/2.0/mlflow/none", "ENDPOINT_NOT_FOUND"),
        ("POST", "/api/3.0/mlflow/traces", "ENDPOINT_NOT_FOUND"),
        ("PUT", "runs/get", "ENDPOINT_NOT_FOUND"),
        ("GET", "/ajax-api/2.0/mlflow/x", "ENDPOINT_NOT_FOUND"),
        ("POST", "/graphql", "ENDPOINT_NOT_FOUND"),
        ("GET", "runs/get", "INVALID_PARAMETER_VALUE"),
    ],
)
def test_errors_have_the_shape_of_mlflow(ada, method, path, code):
    assert ada.refused(code, method, path)[0] in (400, 404)


@pytest.mark.parametrize("body", [b"\xff", b"[", b"[]", b"1", b'"a"', b"[" * 9_000])
def test_what_is_no_message_is_told_so(ada, body):
    status, _, told = ada.ask("POST", "runs/search", body)
    assert (status, told["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_body_has_an_end(ada):
    status, _, told = ada.ask("POST", "runs/search", b" " * (33 * 1024 * 1024))
    assert (status, told["error_code"]) == (413, "INVALID_PARAMETER_VALUE")


def test_the_server_says_what_it_offers(ada):
    told = ada.get("/api/3.0/mlflow/server-info")
    assert told["multipart_uploads_enabled"] is False
    assert ada.ask("GET", "/version")[2] == b"3.17.2"
