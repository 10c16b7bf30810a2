"""Reports are read, and evaluations waived, over the API."""

from datetime import UTC, datetime, timedelta

import pytest

from roadbed.control.evaluations import judges_standing
from roadbed.control.preview import Preview
from roadbed.control.state import current
from roadbed.evals.certificates import DAY_US, Certificate, issue
from roadbed.evals.examination import Labelled, examine
from roadbed.evals.reports import store
from roadbed.identity.keys import create_key
from tests.control.stacks import OPERATOR, resource
from tests.served_line import ServedLine

MODEL = "owner: team\nhosted: {provider: up, upstream: gpt-4o-2024-08-06}"
EXAM = (
    "endpoint: bot\ncases: {dataset: questions@1}\n"
    "graders: [{name: right, grader: exact, gate: {floor: 0.9}}]"
)
JUDGED = (
    "endpoint: bot\ncases: {dataset: questions@1}\n"
    "graders: [{name: kind, grader: judge, config: {endpoints: [bot], rubric: Kind.}, "
    "gate: {floor: 0.9, agreement: 0.8}}]"
)
DECLARED = (
    OPERATOR,
    resource("ServiceAccount", "owner", "{roles: [product-owner], keys: true}"),
    resource("ServiceAccount", "app", "{roles: [app], keys: true}"),
    resource(
        "Provider",
        "up",
        "{type: openai, config: {base_url: 'http://127.0.0.1:1/v1', private: true}}",
    ),
    resource("Model", "bot", MODEL),
    resource("Endpoint", "bot", "model: bot@1\nstage: development"),
    resource("Evaluation", "exam", EXAM),
    resource("Evaluation", "judged", JUDGED),
)
REPORT = {
    "subject": {
        "endpoint": "bot",
        "evaluation": "exam",
        "evaluation_digest": "sha256:e",
        "version": "bot@1",
        "version_digest": "sha256:v",
        "terms": "sha256:t",
    },
    "run": "r",
    "complete": True,
    "actor": "service-account:operator",
    "at_us": 5,
    "cases": 1,
    "done": 1,
    "cost_nano": 0,
    "hits": 0,
    "take": "",
    "stopped": "",
    "dataset": {"name": "questions@1", "digest": "sha256:d"},
    "failures": {"answers": 0},
    "graders": {
        "right": {
            "digest": "sha256:g",
            "interval": {"value": 1.0, "low": 0.2, "high": 1.0},
        }
    },
}


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    opened = ServedLine(tmp_path_factory.mktemp("api"))
    opened.apply(*DECLARED)
    opened.report = store.keep(opened.app.blobs, REPORT, "default")
    with opened.app.database.write() as connection:
        store.add(connection, opened.report)
        made = {"now_us": opened.app.now_us(), "created_by": "test"}
        opened.keys = {
            name: create_key(connection, name, **made).secret.reveal()
            for name in ("owner", "app")
        }
    opened.start()
    yield opened
    opened.stop()


def test_reports_are_listed_and_read(line):
    status, _, listed = line.ask("GET", "/api/v1/evaluation-reports", line.key)
    assert status == 200
    assert [each["digest"] for each in listed["reports"]] == [line.report.digest]

    path = f"/api/v1/evaluation-reports/{line.report.digest}"
    status, _, said = line.ask("GET", path, line.key)
    assert (status, said["graders"]) == (200, REPORT["graders"])
    assert line.ask("GET", path, line.keys["app"])[0] == 403
    status, _, listed = line.ask(
        "GET", "/api/v1/evaluation-reports?endpoint=other", line.key
    )
    assert listed == {"reports": []}
    assert line.ask("GET", "/api/v1/evaluation-reports/sha256:0", line.key)[0] == 404


def test_a_waiver_takes_a_person_who_may_a_reason_and_an_end(line):
    path = "/api/v1/evaluations/exam/waivers"
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    body = {"endpoint": "bot", "version": "bot@1", "reason": "late", "until": until}

    assert line.ask("POST", path, line.key, body)[0] == 403
    for wrong in (
        {"reason": ""},
        {"until": "2020-01-01T00:00:00Z"},
        {"version": "bot"},
        {"more": 1},
    ):
        assert line.ask("POST", path, line.keys["owner"], body | wrong)[0] == 400
    for absent in ({"version": "bot@7"}, {"endpoint": "other"}):
        assert line.ask("POST", path, line.keys["owner"], body | absent)[0] == 404
    status, _, made = line.ask("POST", path, line.keys["owner"], body)
    assert (status, made["actor"]) == (201, "service-account:owner")
    found = line.ask("GET", path, line.key)[2]["waivers"]
    assert [each["id"] for each in found] == [made["id"]]
    nowhere = "/api/v1/evaluations/nowhere/waivers"
    assert line.ask("POST", nowhere, line.keys["owner"], body)[0] == 404


def test_the_judges_of_an_evaluation_are_shown_with_their_certificates(line):
    path = "/api/v1/evaluations/judged/certificates"
    with line.app.database.write() as connection:
        preview = Preview(live=current(connection))
        content = preview.content("Evaluation", "judged")
        judge = judges_standing(connection, preview, content, 0)["kind"].judge
        found = examine([Labelled(True, True)], {}).document()
        now_us = line.app.now_us()
        held = Certificate(
            judge=judge,
            name="kind",
            labels="labels@1",
            findings=found,
            actor="user:a#1",
            made_us=now_us,
            expires_us=now_us + 9 * DAY_US,
        )
        issue(connection, held)

    status, _, said = line.ask("GET", path, line.key)

    kind = said["judges"]["kind"]
    assert (status, kind["declared"], kind["may_gate"]) == (200, 0.8, False)
    assert "100% of 1 cases" in kind["reason"]
    assert [each["id"] for each in kind["certificates"]] == [held.id]
    assert line.ask("GET", path, line.keys["app"])[0] == 403
