"""The upstream that misbehaves: checked with the standard library's plain client."""

import http.client
import json
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest

from roadbed.core.errors import NotFound
from roadbed.testing.upstream import BEHAVIOURS, Behaviour, Upstream


def post(upstream, *, timeout=10, **fields):
    """Return status, headers and body of one request, as a plain client sees them."""
    body = {"model": "m-1", "messages": [{"role": "user", "content": "hi"}]} | fields
    line = http.client.HTTPConnection(urlsplit(upstream.url).netloc, timeout=timeout)
    try:
        headers = {"Authorization": "Bearer a-key"}
        line.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        line.close()


def data(body):
    return [part.removeprefix("data: ") for part in body.decode().split("\n\n")[:-1]]


def test_a_whole_answer_has_what_the_dialect_wants():
    with Upstream() as upstream:
        status, headers, body = post(upstream)

    answer = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert answer["model"] == "m-1"
    assert answer["choices"][0]["message"]["content"] == "You said: hi"
    assert answer["usage"]["total_tokens"] == 4


def test_a_stream_ends_with_finish_usage_and_the_marker():
    with Upstream() as upstream:
        options = {"include_usage": True}
        _, headers, body = post(upstream, stream=True, stream_options=options)

    *events, marker = data(body)
    *deltas, last, usage = map(json.loads, events)
    assert headers["content-type"] == "text/event-stream"
    assert [d["usage"] for d in deltas] == [None] * len(deltas)
    assert last["choices"][0]["finish_reason"] == "stop"
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 3)
    assert marker == "[DONE]"


def test_a_stream_counts_only_if_asked():
    with Upstream() as upstream:
        body = post(upstream, stream=True)[2]

    assert b"usage" not in body


def test_it_keeps_what_it_was_asked():
    with Upstream() as upstream:
        post(upstream, temperature=1)

    (asked,) = upstream.requests
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == "Bearer a-key"
    assert asked.json()["temperature"] == 1


def test_models_are_listed():
    with Upstream() as upstream:
        line = http.client.HTTPConnection(urlsplit(upstream.url).netloc, timeout=5)
        line.request("GET", "/v1/models")
        listing = json.loads(line.getresponse().read())
        line.close()

    assert [m["id"] for m in listing["data"]] == ["example"]


def test_behaviours_follow_one_another_and_the_last_one_stays():
    with Upstream("503", "well") as upstream:
        seen = [post(upstream)[0] for _ in range(3)]

    assert seen == [503, 200, 200]


def test_a_behaviour_of_ones_own_needs_no_name():
    with Upstream(Behaviour(status=418, body="{key}")) as upstream:
        status, _, body = post(upstream)

    assert (status, body) == (418, b"a-key")


def test_an_unknown_behaviour_is_told_the_known_ones():
    with pytest.raises(NotFound, match="'polite'") as raised:
        Upstream("polite")

    assert "cut-clean" in raised.value.hint


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("refuse", ConnectionRefusedError),
        ("silent", TimeoutError),
        ("stall", TimeoutError),
        ("abort", ConnectionResetError),
    ],
)
def test_a_broken_connection_is_broken_for_a_plain_client_too(behaviour, error, stream):
    timeout = 0.3 if error is TimeoutError else 10

    with Upstream(behaviour) as upstream, pytest.raises(error):
        post(upstream, timeout=timeout, stream=stream)


def test_a_clean_cut_looks_like_success_to_a_plain_client():
    with Upstream("cut-clean") as upstream:
        status, _, body = post(upstream, stream=True)

    assert status == 200
    assert len(data(body)) == 3
    assert b"[DONE]" not in body


def test_a_retry_date_lies_as_far_ahead_as_it_says():
    with Upstream("rate-limited-date") as upstream:
        headers = post(upstream)[1]

    until, now = (parsedate_to_datetime(headers[n]) for n in ("retry-after", "date"))
    assert 6 <= (until - now).total_seconds() <= 8


def test_every_behaviour_ends_when_the_block_ends():
    for name in BEHAVIOURS:
        start = time.monotonic()
        with Upstream(name):
            pass

        assert time.monotonic() - start < 5
