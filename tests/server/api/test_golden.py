"""Golden sets over the API: from a call to a new version, by those who may."""

import pytest

from tests.server.api.test_feedback import made

QUEUE = "/api/v1/golden/tea-cases"


@pytest.fixture(scope="module")
def calls(estate):
    """Three calls, and the golden set that they are for."""
    rows = {"id": ["c0"], "input": ["What is tea?"], "expected": ["Leaves."]}
    estate.app.datasets.snapshot("tea-cases", rows, "service-account:operator")
    return [asked(estate, f"What is tea number {n}?") for n in range(3)]


def asked(estate, question):
    body = {"model": "echo", "messages": [{"role": "user", "content": question}]}
    told = estate.ask("POST", "/v1/chat/completions", "app", body)
    return told[1]["x-roadbed-call"]


def ask(estate, method, path, role="annotator", body=None, status=200):
    found, _, told = estate.ask(method, path, role, body)
    assert found == status, told
    return told


def test_from_calls_to_a_version(estate, calls):
    gone = calls[0][:-1] + ("0" if calls[0][-1] != "0" else "1")
    added = ask(estate, "POST", QUEUE, body={"calls": [*calls, gone], "double": 0})
    assert (added["added"], added["known"]) == (3, 0)
    assert [*added["left_out"]] == [gone]
    assert ask(estate, "POST", QUEUE, body={"calls": calls})["known"] == 3

    shown = ask(estate, "GET", f"{QUEUE}?state=waiting")
    assert shown["standing"]["states"] == {"waiting": 3}
    ids = [each["id"] for each in shown["candidates"]]
    assert shown["candidates"][0]["call_id"] == calls[0]
    assert ask(estate, "GET", "/api/v1/golden")["queues"][0]["dataset"] == "tea-cases"

    first = ask(estate, "POST", f"{QUEUE}/next", body={})["candidate"]["id"]
    passed = ask(estate, "POST", f"{QUEUE}/next", body={"after": first})
    assert (first, passed["candidate"]["id"]) == (ids[0], ids[1])

    def label(name, verdict, status=200, **more):
        path = f"{QUEUE}/candidates/{name}/label"
        return ask(
            estate, "POST", path, body={"verdict": verdict, **more}, status=status
        )

    assert label(ids[0], "accept") == {"state": "accepted"}
    assert label(ids[1], "accept", expected="Leaves, in water.")["state"] == "accepted"
    assert label(ids[2], "reject", note="not about tea")["state"] == "rejected"
    assert label(ids[2], "accept", 409)["detail"].startswith("this one was rejected")

    path = f"{QUEUE}/publish"
    assert (
        ask(estate, "POST", path, "annotator", status=403)["code"]
        == "permission_denied"
    )
    version = ask(estate, "POST", path, "researcher")
    assert version == {"version": "tea-cases@2", "rows": 3, "added": 2}
    assert ask(estate, "POST", path, "researcher", status=409)["code"] == "conflict"
    found = ask(estate, "GET", QUEUE)["candidates"]
    assert [c["published"] for c in found] == ["tea-cases@2", "tea-cases@2", ""]
    assert ask(estate, "POST", f"{QUEUE}/next", body={})["candidate"] is None


def test_cases_and_feedback_are_other_ways_in(estate, calls):
    cases = [{"input": f"a\0b {n}", "expected": n, "tags": ["odd"]} for n in range(2)]
    assert ask(estate, "POST", QUEUE, body={"cases": cases})["added"] == 2
    call = made(estate)
    said = {"kind": "thumbs", "value": "down"}
    estate.ask("POST", f"/api/v1/calls/{call}/feedback", "app", said)

    told = ask(estate, "POST", QUEUE, body={"feedback": "thumbs-down"})
    assert told["added"] + told["known"] == 1
    drawn = ask(estate, "POST", QUEUE, body={"random": 1, "endpoint": "echo"})
    assert drawn["added"] + drawn["known"] >= 4


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (QUEUE, {}, 400),
        (QUEUE, {"calls": ["x"], "feedback": "thumbs-up"}, 400),
        (QUEUE, {"feedback": "stars"}, 400),
        (QUEUE, {"random": 0}, 400),
        (QUEUE, {"cases": [{"expected": 1}]}, 400),
        (QUEUE, {"cases": [{"input": 1, "more": 1}]}, 400),
        (QUEUE, {"calls": ["x"] * 101}, 400),
        (f"{QUEUE}/candidates/nobody/label", {"verdict": "accept"}, 404),
        (f"{QUEUE}/candidates/nobody/label", {"verdict": "maybe"}, 400),
        ("/api/v1/golden/other-cases", {"calls": ["x"]}, 404),
    ],
)
def test_nonsense_is_refused(estate, calls, path, body, status):
    told = ask(estate, "POST", path, "annotator", body, status)

    assert told["detail"]


@pytest.mark.parametrize("role", ["viewer", "app", "auditor"])
def test_who_may_not_review_sees_nothing_of_it(estate, calls, role):
    for method, path, body in (
        ("GET", QUEUE, None),
        ("POST", QUEUE, {"calls": calls}),
        ("POST", f"{QUEUE}/next", {}),
        ("GET", "/api/v1/golden", None),
    ):
        assert ask(estate, method, path, role, body, 403)["code"] == "permission_denied"
