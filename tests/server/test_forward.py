"""An OpenAI upstream behind us: forwarded as it is, and never better than it was."""

import json
import socket
import time
from contextlib import contextmanager

import openai
import pytest
from openai import OpenAI

from roadbed.adapters.providers.openai import Config, provider
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.upstream import Behaviour, Upstream
from tests.server.house import KEY, serving_house

HELLO = [{"role": "user", "content": "hello there"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"model": {"type": "string"}}},
    },
}


@contextmanager
def behind(*behaviours, **how):
    """A house whose endpoint `support` is an upstream that behaves so."""
    version = ModelVersion(
        model="support",
        number=1,
        digest="sha256:1",
        definition={"hosted": {"provider": "up", "upstream": "gpt-test-2024-08-06"}},
    )
    with Upstream(*behaviours, **how) as upstream:
        maker = provider(Config(base_url=upstream.url, private=True), None, None)
        opened = maker.open(version)
        with serving_house(runners={"support": opened}) as house:
            house.upstream = upstream
            with OpenAI(
                base_url=f"{house.url}/v1", api_key=KEY, max_retries=0
            ) as client:
                yield house, client
            house.wait(opened.close())
            house.wait(maker.close())


def ask(client, **fields):
    return client.chat.completions.create(model="support", messages=HELLO, **fields)


def test_the_upstream_is_told_whose_trace_its_call_belongs_to():
    trace, headers = "4bf92f3577b34da6a3ce929d0e0e4736", {}
    headers["traceparent"] = f"00-{trace}-00f067aa0ba902b7-01"
    headers["tracestate"] = "congo=t61rcWkgMzE"
    with behind("well") as (house, client):
        ask(client, extra_headers=headers)
        ask(client, stream=True).close()
        told = [request.headers for request in house.upstream.requests]
        while len(house.kept) < 2:
            time.sleep(0.01)
        record = house.kept[1]

    assert told[0]["traceparent"] == f"00-{trace}-{house.kept[0].span_id}-01"
    assert told[0]["tracestate"] == "congo=t61rcWkgMzE"
    assert told[1]["traceparent"] == f"00-{record.trace_id}-{record.span_id}-01"
    assert "tracestate" not in told[1]


def test_a_whole_answer_is_forwarded_under_the_endpoints_name():
    with behind("well", served="gpt-test-2024-08-06") as (house, client):
        answer = ask(client, temperature=0.5, user="u-1")
        sent = house.upstream.requests[0].json()
        record = house.last()

    assert answer.choices[0].message.content == "You said: hello there"
    assert answer.model == "support"
    assert sent["model"] == "gpt-test-2024-08-06"
    assert (sent["temperature"], sent["user"]) == (0.5, "u-1")
    assert record.served == "gpt-test-2024-08-06"
    assert record.output_tokens == 4


def test_a_field_called_model_inside_is_left_alone():
    with behind("well") as (house, client):
        answer = ask(client, tools=[TOOL])
        sent = house.upstream.requests[0].json()

    call = answer.choices[0].message.tool_calls[0]
    assert sent["tools"] == [TOOL]
    assert answer.model == "support"
    assert json.loads(call.function.arguments) == {"text": "You said: hello there"}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_stream_is_forwarded_and_usage_only_if_asked(wanted):
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    with behind("well") as (house, client):
        chunks = list(ask(client, stream=True, **options))
        record = house.last()

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "You said: hello there"
    assert {c.model for c in chunks} == {"support"}
    assert [bool(c.usage) for c in chunks][-1] is wanted
    assert record.output_tokens == 4


def test_tool_calls_stream_through():
    with behind("drip") as (_, client):
        chunks = list(ask(client, stream=True, tools=[TOOL]))
    calls = [t for c in chunks for t in c.choices[0].delta.tool_calls or []]

    assert calls[0].function.name == "look_up"
    assert "hello" in "".join(c.function.arguments for c in calls)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ("cut-clean", "truncated"),
        ("no-done", "truncated"),
        ("abort", "truncated"),
        ("early-200-then-error", "error"),
    ],
)
def test_a_stream_that_breaks_off_is_an_error_on_record(behaviour, status):
    with behind(behaviour) as (house, client):
        with client.chat.completions.with_streaming_response.create(
            model="support", messages=HELLO, stream=True
        ) as answer:
            lines = [line for line in answer.iter_lines() if line]
            call = answer.headers["x-roadbed-call"]
        record = house.last(call)

    assert answer.status_code == 200
    assert "[DONE]" not in "".join(lines)
    assert "error" in json.loads(lines[-1][6:])
    assert record.status == status


@pytest.mark.parametrize(
    ("behaviour", "status", "retry"),
    [
        ("rate-limited", 429, "false"),
        ("500", 502, "false"),
        ("refuse", 502, "false"),
        ("400", 400, "false"),
        ("401", 502, "false"),
        ("html-200", 502, "false"),
        ("cut-clean", 502, "false"),
    ],
)
def test_a_failure_is_told_before_anything_was_said(behaviour, status, retry):
    with behind(behaviour) as (house, client):
        with pytest.raises(openai.APIStatusError) as raised:
            ask(client)
        record = house.last()

    assert raised.value.status_code == status
    assert raised.value.response.headers.get("x-should-retry") == retry
    assert "rbk_" not in str(raised.value.body)
    assert record.status in ("error", "truncated")


def test_the_upstreams_patience_is_passed_on():
    with (
        behind("rate-limited") as (_, client),
        pytest.raises(openai.RateLimitError) as raised,
    ):
        ask(client)

    assert raised.value.response.headers["retry-after"] == "7"


def test_the_sdk_does_not_come_back_once_we_have_given_up():
    mild = Behaviour(status=429, body="{}", headers=(("retry-after", "1"),))
    with behind(mild, "well") as (house, _):
        with (
            OpenAI(base_url=f"{house.url}/v1", api_key=KEY) as patient,
            pytest.raises(openai.RateLimitError),
        ):
            ask(patient)
        statuses = [k.status for k in house.kept]

    assert statuses == ["error"]
    assert len(house.upstream.requests) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_hangs_up_ends_the_call_upstream(stream):
    with behind("stall" if stream else "silent") as (house, _):
        body = {"model": "support", "messages": HELLO, "stream": stream}
        data = json.dumps(body).encode()
        with socket.create_connection(("127.0.0.1", house.port), 5) as caller:
            caller.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
                + f"authorization: Bearer {KEY}\r\n".encode()
                + f"content-length: {len(data)}\r\n\r\n".encode()
                + data
            )
            end = time.monotonic() + 5
            while not house.upstream.requests and time.monotonic() < end:
                time.sleep(0.01)
            if stream:
                assert b"data:" in caller.recv(65536)

        assert house.last().status == "cancelled"
