"""A stack is planned, looked at, applied, and can be read back."""

from dataclasses import replace

import pytest

from roadbed.access.authority import compile_policies
from roadbed.audit.log import AuditQuery
from roadbed.control.starter import starter_files


@pytest.fixture(scope="module")
def files():
    texts = {p: d.decode() for p, d in starter_files().items()}
    return {p: t for p, t in texts.items() if not p.startswith(".")}


def plan(estate, files, role="ci"):
    return estate.ask("POST", "/api/v1/plan", role, {"files": files})


def test_a_plan_is_applied_only_as_it_was_looked_at(estate, files):
    _, _, shown = plan(estate, files)
    wrong = {"files": files, "plan": "sha256:" + "0" * 64}
    right = {"files": files, "plan": shown["digest"]}
    refused = estate.ask("POST", "/api/v1/apply", "ci", wrong)
    done = estate.ask("POST", "/api/v1/apply", "ci", right)
    again = plan(estate, files)[2]

    assert shown["changes"]
    assert refused[0] == 409
    assert done[0] == 200
    assert done[2]["revision"] == shown["base"] + 1
    assert again["changes"] == []


def test_a_change_that_somebody_overtook_is_refused(estate, files):
    _, _, shown = plan(estate, files)
    policy = 'forbid (principal == ServiceAccount::"x", action, resource);'
    other = files | {"policies/extra.cedar": policy}
    overtaking = plan(estate, other)[2]["digest"]
    done = estate.ask(
        "POST", "/api/v1/apply", "ci", {"files": other, "plan": overtaking}
    )
    late = estate.ask(
        "POST", "/api/v1/apply", "ci", {"files": files, "plan": shown["digest"]}
    )

    assert done[0] == 200
    assert late[0] == 409


def test_a_stack_can_be_sent_as_json_documents(estate):
    document = {
        "apiVersion": "roadbed/v1",
        "kind": "Dataset",
        "metadata": {"name": "tumors"},
        "spec": {"owner": 3},
    }
    status, _, told = estate.ask(
        "POST", "/api/v1/plan", "ci", {"documents": [document]}
    )

    assert status == 400
    wrong = [p for p in told["problems"] if p["field"] == "spec.owner"]
    assert wrong[0]["file"] == "documents/00000.yaml"


def test_what_is_declared_can_be_read_back(estate):
    listed = estate.ask("GET", "/api/v1/resources?kind=ServiceAccount", "viewer")[2]
    name = listed["resources"][0]["name"]
    one = estate.ask("GET", f"/api/v1/resources/ServiceAccount/{name}", "viewer")[2]
    past = estate.ask(
        "GET", f"/api/v1/resources/ServiceAccount/{name}/history", "viewer"
    )[2]
    stack = estate.ask("GET", "/api/v1/revisions?limit=1", "viewer")[2]
    missing = estate.ask("GET", "/api/v1/resources/Endpoint/nobody", "viewer")

    assert one["content"]["metadata"]["name"] == name
    assert past["revisions"][0]["digest"] == one["digest"]
    assert stack["revisions"][0]["revision"] == listed["revision"]
    assert missing[0] == 404


def test_the_snapshot_says_what_is_served_and_what_is_broken(estate):
    _, _, told = estate.ask("GET", "/api/v1/snapshot", "viewer")

    assert {"name": "echo", "version": "echo@3"}.items() <= next(
        e for e in told["endpoints"] if e["name"] == "echo"
    ).items()
    assert told["broken"] == {"hurt": "the artifact is corrupt"}


def test_putting_a_version_into_production_takes_a_right_of_its_own(estate, files):
    listed = "  purposes: [support]\n  access: {promote: ['role:viewer']}\n"
    models = files["models.yaml"].replace("  purposes: [support]\n", listed, 1)
    second = files["endpoints/handbook.yaml"].replace("name: handbook", "name: second")
    wanted = {"files": files | {"models.yaml": models, "endpoints/second.yaml": second}}
    shown = estate.ask("POST", "/api/v1/plan", "ci", wanted)[2]

    status, _, told = estate.ask(
        "POST", "/api/v1/apply", "ci", wanted | {"plan": shown["digest"]}
    )
    [newest] = estate.app.audit.search(AuditQuery(limit=1))
    assert status == 403
    assert "version.promote on ModelVersion/handbook@1" in str(told)
    assert (newest.action, newest.outcome) == ("stack.apply", "denied")


@pytest.fixture
def closed(estate):
    """Let nobody release at once, for the length of a test."""
    house, before = estate.house, estate.house.switch.serving
    policy = 'forbid (principal, action == Action::"rollout.immediate", resource);'
    snapshot = replace(before.snapshot, authority=compile_policies({"a": policy}))
    house.on_loop(house.switch.swap, replace(before, snapshot=snapshot))
    yield
    house.on_loop(house.switch.swap, before)


def test_leaving_out_the_steps_takes_a_right_of_its_own(estate, files, closed):
    loose = files["endpoints/handbook.yaml"]
    stepwise = loose.replace("spec:\n", "spec:\n  rollout: {approval: true}\n", 1)
    told = []
    for text in (stepwise, loose):
        wanted = {"files": files | {"endpoints/handbook.yaml": text}}
        shown = estate.ask("POST", "/api/v1/plan", "ci", wanted)[2]
        looked_at = wanted | {"plan": shown["digest"]}
        status, _, said = estate.ask("POST", "/api/v1/apply", "ci", looked_at)
        told.append((status, [each["endpoint"] for each in shown["rollouts"]]))

    assert told == [(200, []), (403, ["handbook"])]
    assert "rollout.immediate on Endpoint/handbook" in str(said)
