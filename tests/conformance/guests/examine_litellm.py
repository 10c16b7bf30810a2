"""LiteLLM's client against Roadbed, in each dialect that it asks in."""

import json
import os

import litellm
import pytest

URL = os.environ["EXAMINED_URL"]
KEY = os.environ["EXAMINED_KEY"]
ENDPOINTS = os.environ["EXAMINED_ENDPOINTS"].split()
HELLO = [{"role": "user", "content": "hello there"}]
SAID = "You said: hello there"
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}
CHAT = {
    "api_base": URL,
    "api_key": KEY,
    "num_retries": 0,
    "custom_llm_provider": "openai",
}
MESSAGES = {
    "api_base": URL.removesuffix("/v1"),
    "api_key": KEY,
    "num_retries": 0,
    "custom_llm_provider": "anthropic",
    "max_tokens": 100,
}
DIALECTS = pytest.mark.parametrize(
    "dialect", [CHAT, MESSAGES], ids=["chat", "messages"]
)
EACH = pytest.mark.parametrize("name", ENDPOINTS)


def text_of(pieces):
    return "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)


@EACH
@DIALECTS
def test_an_answer(name, dialect):
    answer = litellm.completion(model=name, messages=HELLO, **dialect)

    assert answer.choices[0].message.content == SAID
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 4


@EACH
@DIALECTS
def test_a_stream(name, dialect):
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    pieces = list(litellm.completion(model=name, messages=HELLO, **asked, **dialect))

    assert text_of(pieces) == SAID
    assert [p.choices[0].finish_reason for p in pieces if p.choices][-1] == "stop"


@EACH
@DIALECTS
async def test_a_stream_without_waiting(name, dialect):
    made = await litellm.acompletion(model=name, messages=HELLO, stream=True, **dialect)

    assert text_of([piece async for piece in made]) == SAID


@EACH
@DIALECTS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_is_called(name, dialect, stream):
    asked = {"messages": HELLO, "tools": [TOOL], "stream": stream, **dialect}
    answer = litellm.completion(model=name, **asked)
    if stream:
        answer = litellm.stream_chunk_builder(list(answer), messages=HELLO)
    (call,) = answer.choices[0].message.tool_calls

    assert call.function.name == "look_up"
    assert json.loads(call.function.arguments) == {"text": SAID}
    assert answer.choices[0].finish_reason == "tool_calls"


@EACH
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_response(name, stream):
    answer = litellm.responses(model=name, input="hello there", stream=stream, **CHAT)
    if stream:
        answer = list(answer)[-1].response

    assert answer.output[0].content[0].text == SAID
    assert answer.status == "completed"


def test_vectors():
    answer = litellm.embedding(model="by-openai", input=["a", "b"], **CHAT)

    assert len(answer.data) == 2
    assert isinstance(answer.data[0]["embedding"][0], float)


@DIALECTS
def test_an_unknown_endpoint(dialect):
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(model="no-such-endpoint", messages=HELLO, **dialect)


@DIALECTS
def test_a_wrong_key(dialect):
    wrong = dialect | {"api_key": "rbk_wrong"}
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(model="by-openai", messages=HELLO, **wrong)


def test_a_request_that_cannot_be():
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(model="by-gemini", messages=HELLO, temperature="hot", **CHAT)
