"""A caller with OpenAI's client, an upstream in another language, and us between."""

import json
from contextlib import contextmanager

import openai
import pytest
from openai import OpenAI

from tests.adapters.providers import test_azure, test_bedrock, test_gemini
from tests.adapters.providers.speaks_bedrock import SECRET, TOKEN
from tests.adapters.providers.wire import Wire
from tests.server.house import KEY, serving_house

CLOUDS = {
    "azure": (test_azure.CLOUD, test_azure.Azure()),
    "bedrock": (test_bedrock.CLOUD, test_bedrock.Bedrock()),
    "gemini": (test_gemini.CLOUD, test_gemini.Gemini()),
}
CANARIES = [test_azure.KEY, test_gemini.KEY, SECRET, TOKEN]
HELLO = [{"role": "user", "content": "hello there"}]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {}}}


@contextmanager
def behind(name, *behaviours):
    """A house whose endpoint `support` is that cloud, which behaves so."""
    cloud, speaks = CLOUDS[name]
    with Wire(speaks, *behaviours) as wire:
        both = cloud.opened(wire.url)
        with serving_house(runners={"support": both.runner}) as house:
            house.wire = wire
            with OpenAI(
                base_url=f"{house.url}/v1", api_key=KEY, max_retries=0
            ) as client:
                yield house, client
            house.wait(both.provider.close())


def ask(client, messages=HELLO, **fields):
    return client.chat.completions.create(model="support", messages=messages, **fields)


@pytest.mark.parametrize("name", CLOUDS)
def test_an_answer_and_its_stream_say_the_same_and_are_on_record(name):
    with behind(name) as (house, client):
        whole = ask(client)
        kept = house.last()
        options = {"include_usage": True}
        events = list(ask(client, stream=True, stream_options=options))
        streamed = house.last()

    deltas = [e.choices[0].delta.content or "" for e in events if e.choices]
    assert whole.choices[0].message.content == "You said: hello there"
    assert "".join(deltas) == "You said: hello there"
    assert whole.model == "support" == events[-1].model
    assert (kept.status, kept.finish) == ("ok", "stop")
    assert kept.input_tokens == streamed.input_tokens == whole.usage.prompt_tokens
    assert kept.output_tokens == streamed.output_tokens > 0
    assert events[-1].usage == whole.usage


@pytest.mark.parametrize("name", CLOUDS)
def test_a_tool_is_called_and_its_result_goes_back(name):
    with behind(name) as (house, client):
        first = ask(client, tools=[TOOL]).choices[0]
        (call,) = first.message.tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": "found"}
        ask(client, [*HELLO, first.message.model_dump(), result], tools=[TOOL])
        sent = house.wire.requests[1].body.decode()

    assert first.finish_reason == "tool_calls"
    assert json.loads(call.function.arguments)["text"] == "You said: hello there"
    assert sent.count("look_up") >= 2
    assert "found" in sent


FAULTS = ["401", "echo-400", "abort", "malformed", "429"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", CLOUDS)
def test_what_goes_wrong_upstream_is_told_without_a_key(name, stream):
    """Also inside a stream that began well, and in what is on record."""
    told = []
    with behind(name, *FAULTS) as (house, client):
        for _ in FAULTS:
            with pytest.raises(openai.APIError) as raised:
                list(ask(client, stream=stream))
            told.append(f"{raised.value} {raised.value.body} {house.last()}")
        asked = len(house.wire.requests)

    assert asked == len(FAULTS)
    assert [c for c in CANARIES if c in "".join(told)] == []
