"""People vouch for versions, and end them; each refusal is on the log."""

from itertools import count

import pytest

from roadbed.audit.log import AuditQuery
from roadbed.registry.versions import add_version

_NUMBERS = count()


@pytest.fixture
def register(estate):
    """Return what registers a version of a new model and returns its path."""

    def made(by="service-account:me"):
        name = f"approved-{next(_NUMBERS)}"
        definition = {"trained": {"provider": "p"}}
        with estate.app.database.write() as connection:
            add_version(connection, name, definition, by, 1)
        return f"/api/v1/models/{name}/versions/1"

    return made


def test_an_approval_is_written_and_listed(estate, register):
    path, body = register(), {"reason": "the figures are fine"}

    status, _, made = estate.ask("POST", f"{path}/approvals", "product-owner", body)
    listed = estate.ask("GET", f"{path}/approvals", "viewer")[2]
    assert status == 201
    assert made["digest"] == estate.ask("GET", path, "viewer")[2]["digest"]
    assert listed["approvals"] == [made]


def test_who_has_no_role_for_it_approves_nothing(estate, register):
    path = register()

    for role in ("viewer", "researcher", "platform-engineer", "ci"):
        assert estate.ask("POST", f"{path}/approvals", role, {})[0] == 403
    assert estate.ask("GET", f"{path}/approvals", "viewer")[2] == {"approvals": []}


def test_a_withdrawn_version_cannot_be_approved_or_withdrawn_again(estate, register):
    path = register()
    status = estate.ask("POST", f"{path}/withdrawal", "platform-engineer", {})[0]

    again = estate.ask("POST", f"{path}/withdrawal", "platform-engineer", {})[0]
    late = estate.ask("POST", f"{path}/approvals", "product-owner", {})[0]
    assert (status, again, late) == (201, 409, 409)
    assert estate.ask("GET", path, "viewer")[0] == 200


def test_whoever_made_a_version_is_refused_and_the_refusal_is_on_the_log(
    estate, register
):
    maker = estate.ask("GET", "/api/v1/whoami", "product-owner")[2]["principal"]
    path = register(by=maker)

    status, _, told = estate.ask("POST", f"{path}/approvals", "product-owner", {})
    [newest] = estate.app.audit.search(AuditQuery(limit=1))
    assert status == 403
    assert "roadbed/versions#versions-own" in str(told)
    assert (newest.action, newest.outcome) == ("version.approve", "denied")
    assert path in newest.detail["where"]


LISTED = """\
apiVersion: roadbed/v1
kind: {kind}
metadata: {{name: {name}}}
spec: {spec}
"""


def test_a_list_shows_exactly_the_versions_that_a_get_shows(estate):
    closed = "{owner: me, purposes: [x], trained: {provider: p}, versions: "
    closed += "{'2': {read: ['role:researcher']}}}"
    texts = {
        "m.yaml": LISTED.format(kind="Model", name="kept", spec=closed),
        "p.yaml": LISTED.format(kind="Provider", name="p", spec="{type: onnx}"),
        "a.yaml": LISTED.format(
            kind="ServiceAccount",
            name="operator",
            spec="{roles: [platform-engineer, security-admin], keys: true}",
        ),
    }
    plan = estate.ask("POST", "/api/v1/plan", "platform-engineer", {"files": texts})[2]
    applied = {"files": texts, "plan": plan["digest"]}
    assert estate.ask("POST", "/api/v1/apply", "platform-engineer", applied)[0] == 200
    with estate.app.database.write() as connection:
        for number in (1, 2, 3):
            definition = {"trained": {"provider": "p", "n": number}}
            add_version(connection, "kept", definition, "service-account:me", 1)

    path = "/api/v1/models/kept/versions"
    for role in ("viewer", "researcher"):
        listed = [v["number"] for v in estate.ask("GET", path, role)[2]["versions"]]
        got = [n for n in (3, 2, 1) if estate.ask("GET", f"{path}/{n}", role)[0] == 200]
        assert listed == got
    assert listed == [3, 2, 1]
    assert estate.ask("GET", f"{path}/2", "viewer")[0] == 403
