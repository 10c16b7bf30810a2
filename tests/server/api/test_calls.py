"""Calls can be listed, followed, and proven, in the spool and sealed."""

import json

import pytest

from tests.server.api.estate import key_of


@pytest.fixture(scope="module")
def made(estate):
    """Three calls of an application, the newest last."""
    found = []
    for text in ("one", "two", "three"):
        body = {"model": "echo", "messages": [{"role": "user", "content": text}]}
        _, headers, _ = estate.ask("POST", "/v1/chat/completions", "app", body)
        found.append(headers["x-roadbed-call"])
    return found


def test_calls_are_listed_page_by_page(estate, made):
    first = estate.ask("GET", "/api/v1/calls?endpoint=echo&limit=2", "viewer")[2]
    then = estate.ask(
        "GET", f"/api/v1/calls?endpoint=echo&limit=2&before={first['before']}", "viewer"
    )[2]

    assert [c["call_id"] for c in first["calls"]] == made[:0:-1]
    assert then["calls"][0]["call_id"] == made[0]


def test_a_call_and_what_was_said_need_different_rights(estate, made):
    path = f"/api/v1/calls/{made[0]}"
    call = estate.ask("GET", path, "viewer")[2]
    refused = estate.ask("GET", f"{path}/payload", "viewer")
    payload = estate.ask("GET", f"{path}/payload", "product-owner")[2]

    assert call["record"]["principal"] == "service-account:app"
    assert call["payload_kept"]
    assert refused[0] == 403
    assert "one" in payload["request"]


def test_why_follows_what_can_be_followed(estate, made):
    _, _, told = estate.ask("GET", f"/api/v1/calls/{made[0]}/why", "viewer")

    assert told["hops"][0]["kind"] == "Call"
    assert told["explanation"] is None
    assert told["notes"]


def test_a_call_in_the_spool_cannot_be_proven_yet(estate, made):
    status, headers, told = estate.ask(
        "GET", f"/api/v1/calls/{made[0]}/proof", "viewer"
    )

    assert status == 503
    assert headers["retry-after"] == "1"
    assert "sealed" in told["detail"]


def test_an_unknown_call_is_not_found(estate, made):
    absent = made[0][:-1] + ("0" if made[0][-1] != "0" else "1")

    assert estate.ask("GET", f"/api/v1/calls/{absent}", "viewer")[0] == 404


def test_a_series_counts_what_happened(estate, made):
    now_us = estate.app.now_us()
    span = f"since_us={now_us - 3_600_000_000}&until_us={now_us}&step_us=60000000"
    _, _, told = estate.ask("GET", f"/api/v1/series?{span}", "viewer")
    points = [p for p in told["points"] if p["endpoint"] == "echo"]

    assert sum(p["calls"] for p in points) >= 3


def test_a_series_of_too_many_steps_is_refused(estate):
    span = "since_us=0&until_us=4000000000000000&step_us=1000000"

    assert estate.ask("GET", f"/api/v1/series?{span}", "viewer")[0] == 400


def test_metrics_count_calls_and_show_the_revision(estate, made):
    _, headers, told = estate.ask("GET", "/metrics", "platform-engineer")
    text = told.decode()

    assert headers["content-type"].startswith("text/plain")
    assert 'roadbed_calls_total{endpoint="echo",kind="llm",status="ok"} 3' in text
    assert "roadbed_snapshot_revision 1" in text
    assert "roadbed_queued 0" in text


def test_a_stranger_makes_no_labels(estate):
    for name in ("x1", "x2"):
        estate.ask("POST", "/v1/chat/completions", "app", {"model": name})
    text = estate.ask("GET", "/metrics", "platform-engineer")[2].decode()

    assert "x1" not in text
    assert key_of("app") not in json.dumps(text)
