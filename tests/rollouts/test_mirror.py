"""What a copy asks, and when two answers are the same."""

import json
import math
import random

import pytest

from roadbed.core.errors import TimedOut
from roadbed.dialects import anthropic, embeddings, openai, responses
from roadbed.inference.call import Attempt, Call, Outcome, TensorRequest
from roadbed.inference.snapshot import Arms
from roadbed.inference.tensor import from_values
from roadbed.rollouts.harm import Counts, watched
from roadbed.rollouts.mirror import agrees, copied, is_drawn, unit_of, within
from roadbed.rollouts.wagers import Wager
from roadbed.testing.history_contract import a_record
from tests.server.house import Echo, deployment, snapshot

ARMS = Arms(
    rollout="ro-1", salt="bot", newer=deployment("bot", Echo()), mirrored=10_000
)
SCHEMA = {"type": "object", "properties": {}}
CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
MESSAGES = {**CHAT, "max_tokens": 9}
INPUT = {"input": "Hi"}
CHAT_TOOL = {"type": "function", "function": {"name": "send", "parameters": SCHEMA}}
MESSAGES_TOOL = {"name": "send", "input_schema": SCHEMA}
INPUT_TOOL = {"type": "function", "name": "send", "parameters": SCHEMA}
USED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "function": {"name": "send", "arguments": "{}"}}],
}


def call(request, dialect="openai", **more):
    known = {"labels": {}, "attempts": [Attempt(model="bot@1", provider="p")]}
    return Call(
        id="local-1",
        received_us=1,
        started_ns=1,
        dialect=dialect,
        endpoint="bot",
        request=request,
        snapshot=snapshot({}),
        **(known | more),
    )


def copy_of(spoken, body):
    _, request = spoken.read(json.dumps({"model": "bot", **body}).encode())
    found = copied(call(request, spoken.name))
    if found is None:
        return None
    return {k: json.loads(bytes(v)) for k, v in found.fields.items() if k != "model"}


@pytest.mark.parametrize(
    ("spoken", "body", "choice"),
    [
        (openai.SPOKEN, {**CHAT, "tools": [CHAT_TOOL]}, "none"),
        (
            openai.SPOKEN,
            {**CHAT, "tools": [CHAT_TOOL], "tool_choice": "auto"},
            "none",
        ),
        (
            anthropic.SPOKEN,
            {**MESSAGES, "tools": [MESSAGES_TOOL]},
            {"type": "none"},
        ),
        (responses.SPOKEN, {**INPUT, "tools": [INPUT_TOOL]}, "none"),
    ],
)
def test_tools_that_are_offered_may_not_be_called_in_a_copy(spoken, body, choice):
    asked = copy_of(spoken, body)
    assert asked == {**body, "tool_choice": choice}


@pytest.mark.parametrize(
    ("spoken", "body"),
    [
        (openai.SPOKEN, {**CHAT, "tools": [CHAT_TOOL], "tool_choice": "required"}),
        (openai.SPOKEN, {**CHAT, "tools": [{"type": "custom", "custom": {}}]}),
        (openai.SPOKEN, {**CHAT, "functions": [{"name": "send"}]}),
        (openai.SPOKEN, {**CHAT, "store": True}),
        (openai.SPOKEN, {**CHAT, "web_search_options": {"a": 1}}),
        (
            openai.SPOKEN,
            {"messages": [*CHAT["messages"], USED], "tools": [CHAT_TOOL]},
        ),
        (anthropic.SPOKEN, {**MESSAGES, "mcp_servers": [{"url": "x"}]}),
        (
            anthropic.SPOKEN,
            {**MESSAGES, "tools": [{"type": "web_search_20250305", "name": "w"}]},
        ),
        (anthropic.COUNTED, MESSAGES),
        (responses.SPOKEN, {**INPUT, "tools": [{"type": "web_search"}]}),
        (responses.SPOKEN, {**INPUT, "previous_response_id": "resp_1"}),
        (responses.SPOKEN, {**INPUT, "conversation": "conv_1"}),
    ],
)
def test_what_does_more_than_answer_is_not_copied(spoken, body):
    assert copy_of(spoken, body) is None


@pytest.mark.parametrize(
    ("spoken", "body"),
    [
        (openai.SPOKEN, CHAT),
        (openai.SPOKEN, {"messages": [*CHAT["messages"], USED]}),
        (embeddings.SPOKEN, {"input": ["a"]}),
    ],
)
def test_what_offers_no_tools_is_asked_as_it_was(spoken, body):
    assert copy_of(spoken, body) == body


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, Outcome(status="denied")),
        ({}, Outcome(status="cancelled")),
        ({}, Outcome(status="ok", cache="hit")),
        ({}, Outcome(status="ok", degraded="stale")),
        ({"attempts": []}, Outcome(status="error")),
        ({"labels": {"evaluation": "e"}}, Outcome(status="ok")),
    ],
)
def test_what_no_model_of_the_older_version_answered_is_not_drawn(more, outcome):
    request = TensorRequest(inputs=())
    assert is_drawn(ARMS, call(request), Outcome(status="ok"))
    assert not is_drawn(ARMS, call(request, **more), outcome)


def test_a_call_that_was_not_assigned_is_a_unit_of_its_own():
    request = TensorRequest(inputs=())
    units = {unit_of(ARMS, call(request, labels={})) for _ in range(3)}
    ((unit, bucket),) = units
    assert 0 <= unit < 2**63
    assert 0 <= bucket < 10_000


def test_both_sides_are_held_to_the_time_of_a_copy():
    in_time, late = (a_record(latency_us=us, status="ok") for us in (999, 1_001))
    assert within(in_time, 1) is in_time
    assert within(late, 1).status == "error"
    assert within(late, 1).error == TimedOut.code


def said(*text, **more):
    return Outcome(status="ok", text=list(text), **more)


def tensors(*values, datatype="FP32", name="y"):
    made = from_values(name, datatype, [len(values)], list(values))
    return said(tensors=(made,))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (said("Yes,", " it is"), said("yes, it  IS\n"), True),
        (said("yes"), said("no"), False),
        (said("yes"), Outcome(status="error"), None),
        (said(tools={0: ["1", "send", "{}"]}), said("sent"), None),
        (said(vectors=2), said(vectors=2), None),
        (said(ranking=((1, 0.9), (0, 0.1))), said(ranking=((1, 0.5), (0, 0.4))), True),
        (said(ranking=((1, 0.9), (0, 0.1))), said(ranking=((0, 0.5), (1, 0.4))), False),
        (tensors(0.001), tensors(0.009), True),
        (tensors(0.50), tensors(0.52), False),
        (tensors(1000.0), tensors(1009.0), True),
        (tensors(1000.0), tensors(1020.0), False),
        (tensors(-0.001), tensors(-0.002), False),
        (tensors(math.nan), tensors(math.nan), True),
        (tensors(1.0), tensors(1.0, 1.0), False),
        (tensors(1, datatype="INT64"), tensors(1, datatype="INT64"), True),
        (tensors(1, datatype="INT64"), tensors(2, datatype="INT64"), False),
        (tensors("a", datatype="BYTES"), tensors("b", datatype="BYTES"), False),
        (tensors(1.0), tensors(1.0, name="z"), False),
    ],
)
def test_answers_agree_but_for_spelling_and_small_differences(one, other, same):
    assert agrees(one, other) is same
    assert agrees(other, one) is same


@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_pairs_that_fail_alike_are_not_called_worse(alike):
    """A call and its copy are no two strangers; the bet stays fair (seed 5)."""
    draw, wrong, runs = random.Random(5), 0, 100
    for _ in range(runs):
        wager = Wager()
        for _ in range(40):
            old = [draw.random() < 0.1 for _ in range(10)]
            new = [o if draw.random() < alike else draw.random() < 0.1 for o in old]
            wager = watched(wager, Counts(sum(old), 10), Counts(sum(new), 10))
            if wager.refutes(0.05):
                wrong += 1
                break
    print(f"{wrong} of {runs} at {alike} with seed 5")
    assert wrong <= 0.05 * runs
