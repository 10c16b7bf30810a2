"""What is said of calls over the API: by callers, and by those who may."""

import json
import time

import pytest

from roadbed.gateway.reuse.keys import Keys, Wanted, digest
from roadbed.gateway.spool import Spool, encode, name_of
from tests.evals.line import Line


@pytest.fixture(scope="module")
def call(estate):
    """A call of an application."""
    return made(estate)


def made(estate, role="app", **headers):
    body = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}
    return estate.ask("POST", "/v1/chat/completions", role, body, headers)[1][
        "x-roadbed-call"
    ]


def test_the_caller_says_how_it_was_and_others_see_what_they_may(estate, call):
    path = f"/api/v1/calls/{call}/feedback"
    said = {"kind": "correction", "value": "Rome", "comment": "not Paris"}

    assert estate.ask("POST", path, "app", {"kind": "thumbs", "value": "down"})[2] == {
        "call_id": call,
        "new": True,
    }
    assert estate.ask("POST", path, "annotator", said)[0] == 200
    assert estate.ask("POST", path, "annotator", said)[2]["new"] is False

    viewed = estate.ask("GET", path, "viewer")[2]["feedback"]
    owned = estate.ask("GET", path, "product-owner")[2]["feedback"]
    assert [(f["kind"], f["number"], f["value"]) for f in viewed] == [
        ("thumbs", 0.0, None),
        ("correction", None, None),
    ]
    assert (owned[1]["value"], owned[1]["comment"]) == ("Rome", "not Paris")
    why = estate.ask("GET", f"/api/v1/calls/{call}/why", "viewer")[2]
    assert why["hops"][0]["facts"]["feedback"].startswith("thumbs down, from")


@pytest.mark.parametrize(
    ("role", "status"),
    [("viewer", 403), ("auditor", 403), ("researcher", 403), ("product-owner", 200)],
)
def test_of_a_call_of_somebody_else_only_those_who_may_speak(
    estate, call, role, status
):
    said = {"kind": "score", "value": 1}
    path = f"/api/v1/calls/{call}/feedback"

    assert estate.ask("POST", path, role, said)[0] == status
    several = {"feedback": [{"call": call, **said, "name": "again"}]}
    answer = estate.ask("POST", "/api/v1/feedback", role, several)
    if answer[0] == 200:
        (result,) = answer[2]["results"]
        assert bool(result["error"]) == (status != 200)
    else:
        assert (answer[0], status) == (403, 403)


def test_several_at_once_fail_each_by_itself(estate, call):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    named = made(estate, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    unknown = call[:-1] + ("0" if call[-1] != "0" else "1")
    several = [
        {"trace": trace, "kind": "label", "value": "refund"},
        {"call": unknown, "kind": "thumbs", "value": "up"},
        {"call": call, "kind": "thumbs", "value": "sideways"},
        {"kind": "thumbs", "value": "up"},
        {"trace": "none", "kind": "thumbs", "value": "up"},
    ]
    status, _, told = estate.ask(
        "POST", "/api/v1/feedback", "app", {"feedback": several}
    )

    assert status == 200
    first, *others = told["results"]
    assert (first["call_id"], first["new"], first["error"]) == (named, True, "")
    assert [bool(other["error"]) for other in others] == [True] * 4


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "thumbs"},
        {"kind": "stars", "value": 1},
        {"kind": "thumbs", "value": "up", "more": 1},
        {"kind": "thumbs", "value": "up", "source": "a\nb"},
        {"kind": "correction", "value": "x" * 70_000},
        {"kind": "thumbs", "value": "up", "comment": "x" * 9_000},
    ],
)
def test_nonsense_is_refused_in_words(estate, call, body):
    status, _, told = estate.ask("POST", f"/api/v1/calls/{call}/feedback", "app", body)

    assert status == 400
    assert told["detail"]


def test_a_call_that_is_not_there_is_not_found(estate, call):
    unknown = call[:-1] + ("0" if call[-1] != "0" else "1")
    said = {"kind": "thumbs", "value": "up"}

    assert (
        estate.ask("POST", f"/api/v1/calls/{unknown}/feedback", "app", said)[0] == 404
    )


def test_feedback_is_listed_and_words_can_be_erased(estate):
    call = made(estate)
    path = f"/api/v1/calls/{call}/feedback"
    estate.ask("POST", path, "app", {"kind": "outcome", "value": "defaulted"})

    listed = estate.ask("GET", "/api/v1/feedback?kind=outcome", "product-owner")[2]
    assert [(f["call_id"], f["value"]) for f in listed["feedback"]] == [
        (call, "defaulted")
    ]
    because = {"reason": "asked for"}
    assert estate.ask("POST", f"{path}/erase", "annotator", because)[0] == 403
    assert estate.ask("POST", f"{path}/erase", "product-owner", {})[0] == 400
    erased = estate.ask("POST", f"{path}/erase", "product-owner", because)[2]
    assert erased == {"erased": 1}
    (left,) = estate.ask("GET", path, "product-owner")[2]["feedback"]
    assert (left["value"], left["erased"]) == (None, True)


def keep(estate, call, key, role="app"):
    """Remember that *call* answered what its caller sent with *key*."""
    keys = Keys(estate.app.database, estate.services.now_us)
    who = f"service-account:{role}"
    name = digest("default", who, key)
    wanted = Wanted(key=name, asked="request", owner=call, lease_us=60_000_000)
    assert keys.claim(wanted).state == "mine"


def test_a_call_is_named_by_the_key_that_its_caller_sent_with_it(estate):
    mine, others = made(estate), made(estate, "researcher")
    keep(estate, mine, "order-17")
    keep(estate, others, "order-18", "researcher")
    several = [
        {"idempotency_key": "order-17", "kind": "thumbs", "value": "up"},
        {"idempotency_key": "order-18", "kind": "thumbs", "value": "up"},
        {"idempotency_key": "order-19", "kind": "thumbs", "value": "up"},
        {"idempotency_key": "order-17", "call": mine, "kind": "score", "value": 1},
    ]

    told = estate.ask("POST", "/api/v1/feedback", "app", {"feedback": several})[2]

    first, *rest = told["results"]
    assert (first["call_id"], first["new"]) == (mine, True)
    foreign, unknown, twice = (each["error"] for each in rest)
    assert foreign == unknown.replace("order-19", "order-18")
    assert "or its idempotency key" in twice


def test_what_was_said_in_a_call_can_be_erased_once_it_is_sealed(estate, tmp_path):
    because = {"reason": "asked for"}
    (waiting, sealed), body = (made(estate), adopted(estate, tmp_path)), "payload"
    path = "/api/v1/calls/{}/{}".format
    assert estate.ask("GET", path(sealed, body), "product-owner")[0] == 200

    assert estate.ask("POST", path(sealed, "erase"), "annotator", because)[0] == 403
    assert estate.ask("POST", path(sealed, "erase"), "product-owner", {})[0] == 400
    status, _, told = estate.ask(
        "POST", path(waiting, "erase"), "product-owner", because
    )
    assert status == 409
    assert "nothing was erased" in json.dumps(told)
    assert estate.ask("GET", path(waiting, body), "product-owner")[0] == 200

    status, _, told = estate.ask(
        "POST", path(sealed, "erase"), "product-owner", because
    )
    assert (status, told["payloads"], told["held_by"]) == (200, [sealed], [])
    assert estate.ask("GET", path(sealed, body), "product-owner")[0] == 404
    assert estate.ask("GET", f"/api/v1/calls/{sealed}", "product-owner")[0] == 200


def adopted(estate, folder):
    """Let the server find the call of a process that died, and seal it."""
    writer = Line(folder, None)
    writer.us = time.time_ns() // 1000 - 60_000_000
    call = writer.said(1, "What is tea?", "Leaves.", endpoint="echo", model="echo@1")
    spool = Spool(estate.app.settings.state / "spool" / name_of("host-dead", 1))
    spool.append([encode(*call)])
    spool.close()
    estate.app.adopt()
    return call[0].call_id
