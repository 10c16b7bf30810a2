"""Events that come together are read together, and say what they say one by one."""

import json
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import ProviderError
from roadbed.dialects import anthropic, openai, responses
from roadbed.dialects.batch import heard
from roadbed.inference.call import Outcome
from roadbed.testing.provider_contract import chat_request

DELTAS = [
    {"content": "a"},
    {"content": " \"usage\" , data: {\"id\""},
    {"content": "\n\nü"},
    {"content": ""},
    {"role": "assistant", "content": ""},
    {},
    {"content": None},
    {"content": "b", "refusal": "no"},
    {"content": "c", "reasoning_content": "hm"},
    {"tool_calls": [{"index": 0, "id": "i", "function": {"name": "f"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
    {"content": "d", "annotations": [{"type": "x"}]},
]  # fmt: skip
HEADS = [
    {"id": "1", "created": 1, "model": "theirs"},
    {"id": "1", "created": 1, "model": "theirs", "usage": None},
    {"model": "theirs", "x": {"model": "inner", "choices": []}},
    {"x": {"choices": 1}, "model": "theirs"},
    {"id": "1"},
    {"x": "choices", "model": "theirs"},
]
TAILS = [{}, {"usage": None}, {"usage": None, "obfuscation": "x"}, {"model": "late"}]


@st.composite
def streams(draw, plain=False):
    """Draw the events of a stream of chat completions, each as it may be."""
    head, tail = draw(st.sampled_from(HEADS)), draw(st.sampled_from(TAILS))
    spaced = draw(st.sampled_from([None, (",", ":")]))
    deltas = draw(st.lists(st.sampled_from(DELTAS[:6] if plain else DELTAS)))
    told = [{"choices": [{"index": 0, "delta": d}]} for d in deltas]
    told.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    told.append({"choices": [], "usage": {"prompt_tokens": 1}})
    dumps = [json.dumps(head | e | tail | e, separators=spaced) for e in told]
    return [("", text.encode()) for text in (*dumps, "[DONE]")]


def one_by_one(reader, events):
    chunks = (reader.event(*event) for event in events)
    return [chunk for chunk in chunks if chunk is not None]


def together(reader, events, cuts):
    """Read *events* in batches that end at *cuts*."""
    ends = [*sorted(cuts), len(events)]
    batches = [events[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    return [chunk for batch in batches for chunk in heard(reader, batch)]


def outcome(chunks):
    made = Outcome(first_ns=1)
    for chunk in chunks:
        made.add(chunk, 1)
    made.text = ["".join(made.text)]
    return made


def shown(chunks, wants_usage):
    """Return the events that a caller of this dialect is shown."""
    request = chat_request("a", stream=True, wants_usage=wants_usage)
    call = SimpleNamespace(request=request, endpoint="ours", id="1", received_us=0)
    view = openai.SPOKEN.view(call)
    told = b"".join(view.show(chunk) for chunk in chunks) + view.last()
    lines = told.removesuffix(b"\n\n").split(b"\n\n")
    assert all(line.startswith(b"data: ") for line in lines)
    return [json.loads(line[6:]) for line in lines if line != b"data: [DONE]"]


@given(streams(), st.sets(st.integers(0, 12)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_batches_change_neither_the_record_nor_what_the_caller_sees(
    events, cuts, wants_usage
):
    request = chat_request("a", stream=True, wants_usage=wants_usage)
    cuts = {cut for cut in cuts if cut < len(events)}
    slow = one_by_one(openai.Answer(request), events)
    fast = together(openai.Answer(request), events, cuts)

    assert outcome(fast) == outcome(slow)
    assert b"".join(c.raw for c in fast) == b"".join(c.raw for c in slow)
    told = shown(fast, wants_usage)
    assert told == shown(slow, wants_usage)
    assert {e["model"] for e in told} <= {"ours"}
    assert wants_usage or not any("usage" in e for e in told)


def test_a_read_of_many_events_is_one_chunk_and_one_write():
    """And the bytes are those that came, but for the head."""
    said = [
        {"choices": [{"index": 0, "delta": {"content": f" {n}"}}]} for n in range(50)
    ]
    dumps = [json.dumps(HEADS[1] | e, separators=(",", ":")).encode() for e in said]
    reader = openai.Answer(chat_request("a", stream=True))
    list(heard(reader, [("", dumps[0])]))

    (chunk,) = heard(reader, [("", data) for data in dumps])

    assert chunk.text == "".join(f" {n}" for n in range(50))
    assert chunk.raw == b"".join(b"data: %b\n\n" % data for data in dumps)


def test_once_a_head_is_known_no_event_is_decoded_to_be_shown(monkeypatch):
    request = chat_request("a", stream=True)
    call = SimpleNamespace(request=request, endpoint="ours", id="1", received_us=0)
    event = HEADS[1] | {"choices": [{"index": 0, "delta": {"content": "a"}}]}
    data = json.dumps(event).encode()
    view, reader = openai.SPOKEN.view(call), openai.Answer(request)
    (first,) = heard(reader, [("", data)])
    view.show(first)
    monkeypatch.setattr(openai.answer, "_FIELDS", None)
    (many,) = heard(reader, [("", data)] * 30)

    told = view.show(many)

    assert told.count(b'"model":"ours"') == 30
    assert b"theirs" not in told
    assert b"usage" not in told


@given(
    streams(plain=True), st.integers(0, 12), st.sampled_from([b"{", b"{}x", b"\xff"])
)
@settings(max_examples=60, deadline=None)
def test_what_came_before_a_broken_event_is_told_before_its_error(events, at, bad):
    at = min(at, len(events) - 2)
    events = [*events[:at], ("", bad), *events[at:]]
    request = chat_request("a", stream=True)
    reader, chunks = openai.Answer(request), []
    with pytest.raises(ProviderError):
        for chunk in heard(reader, events):
            chunks.append(chunk)

    assert outcome(chunks) == outcome(one_by_one(openai.Answer(request), events[:at]))


def frames(*told):
    return [(one["type"], json.dumps(one).encode()) for one in told]


START = {"type": "message_start", "message": {"model": "theirs", "usage": {}}}
DELTA = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": "a"},
}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}
STOP = {"type": "content_block_stop", "index": 0}


def test_deltas_of_anthropic_that_come_together_are_one_chunk():
    events = frames(START, BLOCK, *[DELTA] * 20, STOP)
    reader = anthropic.Answer(chat_request("a", stream=True))

    chunks = list(heard(reader, events))

    assert [chunk.text for chunk in chunks] == ["", "", "a" * 20]
    assert chunks[2].raw.count(b"content_block_delta") == 2 * 20
    assert chunks[2].raw.endswith(b'{"type": "content_block_stop", "index": 0}\n\n')


def test_deltas_of_responses_that_come_together_are_one_chunk_and_counted():
    kinds = ["response.output_text.delta"] * 20
    events = frames(*({"type": kind, "delta": "a"} for kind in kinds))
    reader = responses.Answer(chat_request("a", stream=True))
    (chunk,) = heard(reader, events)
    view = responses.SPOKEN.view(
        SimpleNamespace(request=chat_request("a"), endpoint="ours", id="1")
    )
    view.show(chunk)

    assert chunk.text == "a" * 20
    assert view._number == 20


def test_text_of_two_sides_of_a_tool_call_is_not_joined():
    tool = {"index": 0, "id": "i", "function": {"name": "f", "arguments": "{}"}}
    said = [{"content": "a"}, {"tool_calls": [tool]}, {"content": "b"}]
    events = [
        ("", msgspec.json.encode({"choices": [{"index": 0, "delta": delta}]}))
        for delta in said
    ]

    chunks = list(heard(openai.Answer(chat_request("a", stream=True)), events))

    assert [(c.text, len(c.tools)) for c in chunks] == [("a", 0), ("", 1), ("b", 0)]
