"""The same question has the same name, and another one has another."""

import json

import pytest

from roadbed.dialects.openai import SPOKEN
from roadbed.inference.asking import asked_of, key_of, question_of

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def asked(messages="hello", **fields):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    body = {"model": "support", "messages": messages, **fields}
    _, request = SPOKEN.read(json.dumps(body).encode())
    return asked_of(request.conversation())


def used(name):
    call = {"id": name, "type": "function", "function": {"name": "f"}}
    return [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": name, "content": "4"},
    ]


@pytest.mark.parametrize(
    "same",
    [
        asked(stream=True),
        asked(stream=True, stream_options={"include_usage": True}),
        asked(user="anna"),
        asked(metadata={"run": "7"}),
        asked([{"role": "user", "content": [{"type": "text", "text": "hello"}]}]),
    ],
)
def test_how_and_for_whom_it_is_asked_does_not_matter(same):
    assert key_of(same) == key_of(asked())


@pytest.mark.parametrize(
    "other",
    [
        asked("hello "),
        asked(temperature=0.0),
        asked(tools=[TOOL]),
        asked(max_tokens=5),
        asked(response_format={"type": "json_object"}),
        asked([{"role": "system", "content": "hello"}]),
        asked(used("x")),
    ],
)
def test_what_a_model_could_tell_apart_is_another_question(other):
    assert key_of(other) != key_of(asked())


def test_a_schema_is_taken_as_it_stands():
    def with_schema(more):
        shape = {"type": "object", "additionalProperties": more}
        return asked(tools=[{**TOOL, "function": {"name": "f", "parameters": shape}}])

    assert key_of(with_schema(False)) != key_of(with_schema(True))
    assert key_of(with_schema(False)) != key_of(asked(tools=[TOOL]))


def test_the_ids_that_clients_make_up_do_not_matter():
    assert key_of(asked(used("call_abc"))) == key_of(asked(used("toolu_7")))
    swapped = used("x")
    swapped[2]["tool_call_id"] = "another"

    assert key_of(asked(swapped)) != key_of(asked(used("x")))


def test_the_question_is_what_the_user_said_last():
    assert question_of(asked(used("x"))) == "hello"
    assert question_of({"turns": [1, {"role": "user"}]}) == ""
    assert question_of({}) == ""
