"""Responses are written so that their own examiner, and any reader, agree."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Truncated
from roadbed.dialects.responses import SPOKEN
from roadbed.dialects.responses.parse_answer import Answer
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.testing.provider_contract import make_call
from tests.dialects.responses.examiner import assembled, examined, examined_stream

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}


def call_of(**fields):
    body = {"model": "example", "input": "hi", "stream": True} | fields
    _, request = SPOKEN.read(msgspec.json.encode(body))
    return make_call(None, request)


def streamed(chunks, call=None):
    view = SPOKEN.view(call or call_of())
    return b"".join([*(view.show(c) for c in chunks), view.last()])


def whole(chunks, call=None):
    return examined(json.loads(SPOKEN.whole(call or call_of(), chunks)))


NOTE = st.builds(
    lambda url: {"type": "url_citation", "url_citation": {"url": url}},
    st.text(max_size=5),
)
PIECES = st.one_of(
    st.builds(lambda t: Chunk(text=t), st.text(max_size=8)),
    st.builds(lambda t: Chunk(thinking=t), st.text(max_size=8)),
    st.builds(lambda t: Chunk(thinking="so", signature=t), st.text(max_size=8)),
    st.builds(lambda t: Chunk(refusal=t), st.text(max_size=8)),
    st.builds(lambda n: Chunk(annotations=(n,)), NOTE),
    st.builds(
        lambda i, t: Chunk(tools=(ToolPiece(index=i, arguments=t),)),
        st.integers(0, 2),
        st.text(max_size=8),
    ),
    st.builds(
        lambda i: Chunk(tools=(ToolPiece(index=i, id=f"c{i}", name="look"),)),
        st.integers(0, 2),
    ),
    st.just(Chunk()),
)
FINISHES = ["stop", "length", "tool_calls", "content_filter", "refusal", "pause"]
USAGES = st.none() | st.builds(
    Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)
)
ENDS = st.builds(
    lambda f, u, t: Chunk(finish=f, usage=u, text=t),
    st.sampled_from(FINISHES),
    USAGES,
    st.text(max_size=3),
)
ANSWERS = st.tuples(st.lists(PIECES, max_size=10), ENDS).map(lambda p: [*p[0], p[1]])


@given(ANSWERS)
@settings(max_examples=100, deadline=None)
def test_a_stream_is_the_whole_answer_in_pieces(chunks):
    call = call_of(tools=[TOOL])
    events = examined_stream(streamed(chunks, call))
    answer = whole(chunks, call)
    ended = events[-1]["response"]

    assert assembled(events) == answer["output"] == ended["output"]
    differ = {k for k in answer if answer[k] != ended[k]}
    assert differ <= {"completed_at"}
    assert events[-1]["type"] == f"response.{answer['status']}"


@given(ANSWERS)
@settings(max_examples=100, deadline=None)
def test_what_we_write_we_read_as_it_was_said(chunks):
    """Written for a caller, then read as an upstream's: nothing is lost or made up."""
    data, call = streamed(chunks), call_of()
    reader, found = Answer(call.request), []
    for block in data.split(b"\n\n")[:-1]:
        name, told = block.split(b"\n")
        found.append(reader.event(name[7:].decode(), told.removeprefix(b"data: ")))

    def text(of, name):
        return "".join(getattr(c, name) for c in of)

    def arguments(of):
        told = {}
        for piece in (p for c in of for p in c.tools):
            told[piece.index] = told.get(piece.index, "") + piece.arguments
        return sorted(told.values())

    assert reader.done
    for name in ("text", "thinking", "refusal", "signature"):
        assert text(found, name) == text(chunks, name)
    assert arguments(found) == arguments(chunks)
    assert found[-1].usage == chunks[-1].usage
    short = {"length", "content_filter"}
    assert (found[-1].finish in short) == (chunks[-1].finish in short)
    again = Answer(call.request).whole(SPOKEN.whole(call, chunks))
    assert (again.finish, again.usage) == (found[-1].finish, found[-1].usage)
    assert (again.text, again.refusal) == (text(found, "text"), text(found, "refusal"))


def test_nothing_said_is_an_empty_output():
    events = examined_stream(streamed([Chunk(finish="stop")]))

    assert [e["type"] for e in events][0::2] == [
        "response.created",
        "response.completed",
    ]
    assert events[-1]["response"]["output"] == []


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_an_answer_that_ran_out_is_incomplete_and_says_why(finish, reason):
    answer = whole([Chunk(text="half"), Chunk(finish=finish)])

    assert answer["status"] == "incomplete"
    assert answer["incomplete_details"] == {"reason": reason}
    assert answer["output"][0]["status"] == "incomplete"


def test_an_error_in_a_stream_is_failed_and_then_an_error_event():
    view = SPOKEN.view(call_of())
    data = view.show(Chunk(text="half")) + view.failed(Truncated("it stopped"))

    *_, failed, error = examined_stream(data)

    assert failed["type"] == "response.failed"
    assert failed["response"]["error"]["message"] == "it stopped"
    assert error["error"]["message"] == "it stopped"
    assert b"[DONE]" not in data


def test_an_error_before_anything_was_said_is_an_error_event_alone():
    data = SPOKEN.view(call_of()).failed(Truncated("it stopped"))

    assert [e["type"] for e in examined_stream(data)] == ["error"]


def test_calls_whose_arguments_come_in_turns_stay_apart():
    def piece(index, text, **more):
        return Chunk(tools=(ToolPiece(index=index, arguments=text, **more),))

    chunks = [
        piece(0, '{"a"', id="c0", name="look"),
        piece(1, '{"b"', id="c1", name="look"),
        piece(0, ": 1}"),
        piece(1, ": 2}"),
        Chunk(finish="tool_calls"),
    ]

    output = whole(chunks)["output"]

    assert [i["arguments"] for i in output] == ['{"a": 1}', '{"b": 2}']
    assert [i["call_id"] for i in output] == ["c0", "c1"]


def test_a_response_repeats_what_was_asked():
    shape = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    call = call_of(
        instructions="be brief",
        tools=[TOOL],
        text={"format": shape, "verbosity": "low"},
        reasoning={"effort": "low"},
        temperature=0.5,
        metadata={"a": "b"},
        max_output_tokens=9,
    )

    answer = whole([Chunk(text="hi", finish="stop")], call)

    assert answer["instructions"] == "be brief"
    assert answer["tools"] == [TOOL | {"description": None, "strict": None}]
    assert answer["text"]["format"]["schema"] == {"type": "object"}
    assert (answer["temperature"], answer["max_output_tokens"]) == (0.5, 9)
    assert answer["reasoning"] == {"effort": "low", "summary": None}
    assert answer["completed_at"] >= answer["created_at"] > time.time() - 100
