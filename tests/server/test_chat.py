"""Chat, asked by the real OpenAI SDK over real sockets."""

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.server.house import EXPIRED, KEY, VIEWER

HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture
def client(house):
    with OpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def ask(client, model="echo", **fields):
    return client.chat.completions.create(model=model, messages=HELLO, **fields)


def test_a_whole_answer_is_a_chat_completion(client, house):
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=HELLO)
    answer = raw.parse()

    assert answer.choices[0].message.content == "echo: hello there"
    assert answer.choices[0].message.annotations[0].url_citation.url == "doc:1"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "echo"
    assert answer.usage.total_tokens == 6
    assert house.last(raw.headers["x-roadbed-call"]).status == "ok"


def test_a_stream_says_the_same_and_ends(client):
    chunks = list(ask(client, stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks)

    assert text == "echo: hello there"
    assert [c.choices[0].finish_reason for c in chunks][-1] == "stop"
    assert {c.object for c in chunks} == {"chat.completion.chunk"}
    assert len({c.id for c in chunks}) == 1


def test_usage_comes_last_and_only_if_asked(client):
    asked = list(ask(client, stream=True, stream_options={"include_usage": True}))
    quiet = list(ask(client, stream=True))

    assert asked[-1].choices == []
    assert asked[-1].usage.completion_tokens == 3
    assert all(c.usage is None for c in [*asked[:-1], *quiet])


def test_done_is_said_only_when_the_call_is_on_record(house, client):
    with client.chat.completions.with_streaming_response.create(
        model="echo", messages=HELLO, stream=True
    ) as answer:
        lines = [line for line in answer.iter_lines() if line]
        call = answer.headers["x-roadbed-call"]

    assert lines[-1] == "data: [DONE]"
    assert [k.status for k in house.kept if k.call_id == call] == ["ok"]


def test_a_cut_stream_is_an_error_and_never_done(house, client):
    with client.chat.completions.with_streaming_response.create(
        model="cut", messages=HELLO, stream=True
    ) as answer:
        lines = [line for line in answer.iter_lines() if line]
        call = answer.headers["x-roadbed-call"]

    assert "[DONE]" not in "".join(lines)
    assert json.loads(lines[-1][6:])["error"]["code"] == "provider_truncated"
    assert house.last(call).status == "truncated"


def test_the_sdk_raises_what_ends_a_stream(client):
    with pytest.raises(openai.APIError, match="the provider stopped"):
        list(ask(client, "cut", stream=True))


@pytest.mark.parametrize("model", ["crash", "crash-late"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_unforeseen_error_shows_its_id_and_nothing_else(client, model, stream):
    with pytest.raises(openai.APIError) as raised:
        list(ask(client, model, stream=stream))

    assert "secret" not in str(raised.value.body)
    assert "quote test-" in raised.value.message


def test_a_rate_limit_carries_its_advice(client):
    with pytest.raises(openai.RateLimitError) as raised:
        ask(client, "limited")

    assert raised.value.response.headers["retry-after"] == "7"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert raised.value.body["code"] == "rate_limit_exceeded"


def test_the_callers_trace_is_on_record(client, house):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    ask(client, extra_headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})

    record = house.last()
    assert (record.trace_id, record.parent_id) == (trace, "00f067aa0ba902b7")
    assert len(record.span_id) == 16


def test_a_call_without_a_trace_begins_one(client, house):
    ask(client)

    record = house.last()
    assert (len(record.trace_id), len(record.span_id), record.parent_id) == (32, 16, "")


def test_models_are_the_endpoints(client, house):
    listed = [m.id for m in client.models.list()]

    assert listed == sorted(house.runners)
    assert client.models.retrieve("echo").id == "echo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


def test_a_pinned_version_is_served_or_refused(client):
    assert ask(client, "echo@3").model == "echo"
    with pytest.raises(openai.NotFoundError):
        ask(client, "echo@4")


@pytest.mark.parametrize("key", ["", "rbk_wrong", EXPIRED])
def test_without_a_valid_key_the_answer_is_401_on_record(house, key):
    client = OpenAI(base_url=f"{house.url}/v1", api_key=key or "x", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as raised:
        ask(client)
    response = raised.value.response
    call = response.headers["x-roadbed-call"]

    assert response.headers["www-authenticate"].startswith("Bearer")
    assert raised.value.body["code"] == "invalid_api_key"
    assert house.last(call).status == "denied"
    assert [e.action for e in house.audited if e.detail["where"] == call]


def test_a_role_that_may_not_infer_is_refused_and_audited(house):
    client = OpenAI(base_url=f"{house.url}/v1", api_key=VIEWER, max_retries=0)
    with pytest.raises(openai.PermissionDeniedError) as raised:
        ask(client)
    call = raised.value.response.headers["x-roadbed-call"]
    entry = next(e for e in house.audited if e.detail["where"] == call)

    assert (entry.actor, entry.outcome) == ("service-account:looker", "denied")
    assert entry.resource == "Endpoint/echo"


def test_a_model_that_does_not_exist_is_not_found(client, house):
    with pytest.raises(openai.NotFoundError) as raised:
        ask(client, "nobody")
    call = raised.value.response.headers["x-roadbed-call"]

    assert raised.value.body["code"] == "model_not_found"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert house.last(call).error == "not_found"


def test_fifty_streams_at_once_do_not_mix(house):
    async def one(client, number):
        messages = [{"role": "user", "content": f"number {number}"}]
        stream = await client.chat.completions.create(
            model="echo", messages=messages, stream=True
        )
        return "".join([c.choices[0].delta.content or "" async for c in stream])

    async def all_of_them():
        async with AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY) as client:
            return await asyncio.gather(*(one(client, n) for n in range(50)))

    assert asyncio.run(all_of_them()) == [f"echo: number {n}" for n in range(50)]
