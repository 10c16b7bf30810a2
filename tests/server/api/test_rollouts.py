"""Rollouts over the API: they are listed, shown, steered, and undone."""

import pytest

from roadbed.audit.log import AuditQuery
from roadbed.gateway.release import Release
from roadbed.rollouts import store
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import State
from roadbed.rollouts.tables import rollout_changes, rollouts
from tests.control.stacks import ECHO, endpoint, hosted
from tests.control.test_apply import make_desk, put
from tests.server.api.estate import serving_estate

T0_US = 1_700_000_000_000_000
ENDPOINTS = ("bot", "other")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A line of its own, whose endpoints pin the second of two versions."""
    folder = tmp_path_factory.mktemp("rollouts")
    with serving_estate(folder) as made:
        desk = make_desk(made.app.database, folder)
        for number, upstream in enumerate(("echo-1", "echo-2"), 1):
            pins = [endpoint(name, f"{name}@{number}") for name in ENDPOINTS]
            models = [hosted(name, upstream) for name in ENDPOINTS]
            put(desk, folder, ECHO, *models, *pins)
        with made.app.database.write() as connection:
            connection.execute(rollout_changes.delete())
            connection.execute(rollouts.delete())
            for at, phase in enumerate(("rolled_back", "promoted", "canary")):
                store.begin(connection, rollout("bot", phase, at), "pinned")
            store.begin(connection, rollout("other", "rolled_back", 9), "pinned")
        yield made


def rollout(name, phase, at):
    return Rollout(
        id=f"ro-{name}-{phase}",
        endpoint=name,
        tenant="default",
        declared=f"{name}@2",
        old=f"{name}@1",
        new=f"{name}@2",
        old_digest="sha256:1",
        new_digest="sha256:2",
        plan=plan_of(Release(), promises_latency=False),
        state=State(phase=phase, since_s=T0_US / 1e6, reason="errors got worse"),
        snapshot=1,
        started_by="service-account:me",
        started_us=T0_US + at,
        changed_us=T0_US + at,
        spec=Release().model_dump(mode="json"),
    )


def listed(own, query=""):
    status, _, told = own.ask("GET", f"/api/v1/rollouts{query}", "viewer")
    assert status == 200, told
    return [each["id"] for each in told["rollouts"]], told["before"]


def test_rollouts_are_listed_newest_first_page_by_page(own):
    first, cursor = listed(own, "?endpoint=bot&limit=2")
    rest, end = listed(own, f"?endpoint=bot&limit=2&before={cursor}")

    assert first == ["ro-bot-canary", "ro-bot-promoted"]
    assert (rest, end) == (["ro-bot-rolled_back"], None)
    assert listed(own, "?active=true")[0] == ["ro-bot-canary"]
    assert listed(own, "?phase=promoted")[0] == ["ro-bot-promoted"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("active=true&phase=promoted", 400), ("phase=x", 400), ("before=ro-x", 404)],
)
def test_what_cannot_be_listed_is_refused_in_words(own, query, status):
    found, _, told = own.ask("GET", f"/api/v1/rollouts?{query}", "viewer")

    assert (found, told["status"]) == (status, status)


def test_a_rollout_is_shown_with_figures_and_changes(own):
    told = own.ask("GET", "/api/v1/rollouts/ro-bot-promoted", "viewer")[2]

    assert told["rollout"]["new"] == "bot@2"
    assert [tile["verdict"] for tile in told["guardrails"]] == ["no data", "no data"]
    assert told["guardrails"][0]["limit"] == 40
    assert told["ratio"]["verdict"] == "no data"
    assert [c["reason"] for c in told["changes"]] == ["pinned"]
    assert own.ask("GET", "/api/v1/rollouts/ro-none", "viewer")[0] == 404


def test_who_saw_an_older_revision_changes_nothing(own):
    path = "/api/v1/rollouts/ro-bot-canary"

    def act(what, role="product-owner", **body):
        return own.ask("POST", f"{path}/{what}", role, {"reason": "so", **body})

    assert act("pause", "viewer")[0] == 403
    status, _, told = act("pause", revision=0)
    assert (status, told["phase"], told["revision"]) == (200, "paused", 1)
    assert act("resume", revision=0)[0] == 409
    assert act("resume", reason=" ")[0] == 400
    assert act("resume", revision=1)[2]["phase"] == "canary"
    assert act("approve")[0] == 409


def test_going_back_is_one_request_and_leaves_a_patch(own):
    body = {"reason": "it is wrong"}
    path = "/api/v1/endpoints/bot/rollback"

    assert own.ask("POST", path, "viewer", body)[0] == 403
    nobody = "/api/v1/endpoints/nobody/rollback"
    assert own.ask("POST", nobody, "viewer", body)[0] == 403
    assert own.ask("POST", nobody, "product-owner", body)[0] == 404
    status, _, told = own.ask("POST", path, "product-owner", body)
    assert (status, told["phase"], told["weight"]) == (200, "rolling_back", 0)
    found = own.ask("GET", "/api/v1/drift", "viewer")[2]["drift"]
    assert [each["endpoint"] for each in found] == ["bot", "other"]
    assert found[0]["reason"] == "it is wrong"
    assert found[0]["patch"] == [
        {"op": "test", "path": "/spec/model", "value": "bot@2"},
        {"op": "replace", "path": "/spec/model", "value": "bot@1"},
    ]
    entries = own.app.audit.search(AuditQuery(action="rollout.rollback"))
    assert entries[0].resource == "Endpoint/bot"
