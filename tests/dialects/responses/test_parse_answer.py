"""An upstream's responses, read just far enough."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import ProviderError, Truncated, Unavailable
from roadbed.dialects.responses import SPOKEN
from roadbed.dialects.responses.parse_answer import _READ, Answer
from roadbed.inference.call import ToolPiece, Usage
from roadbed.testing.provider_contract import make_call

ASKED = SPOKEN.read(b'{"model": "example", "input": "hi", "stream": true}')[1]
KINDS = sorted([*_READ, "response.completed", "response.failed", "error", "odd"])


def whole(**body):
    said = {"status": "completed", "output": [], "model": "m"} | body
    return Answer(ASKED).whole(msgspec.json.encode(said))


def events(*told):
    reader = Answer(ASKED)
    return [reader.event(e["type"], msgspec.json.encode(e)) for e in told]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_worse_than_a_provider_error(data):
    for read in (Answer(ASKED).whole, lambda data: Answer(ASKED).event("", data)):
        try:
            read(data)
        except ProviderError as error:
            assert error.message


NAMES = "type response item output_index delta arguments annotation error code status"
NAMES += " message output usage content text call_id summary incomplete_details reason"
ODD = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
WORDS = st.sampled_from([*KINDS, "function_call", "message", "reasoning", "incomplete"])
JSON = st.recursive(
    ODD | WORDS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4)
    ),
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES.split()), JSON, max_size=4)


@given(OBJECTS, st.sampled_from(KINDS))
@settings(max_examples=200, deadline=None)
def test_no_json_is_worse_than_a_provider_error(value, kind):
    reader, data = Answer(ASKED), msgspec.json.encode(value | {"type": kind})
    for read in (reader.whole, lambda data: reader.event("", data)):
        try:
            read(data)
        except ProviderError as error:
            assert error.message


@pytest.mark.parametrize("status", ["in_progress", "queued", "cancelled", None, "odd"])
def test_what_has_not_ended_is_truncated(status):
    with pytest.raises(Truncated):
        whole(status=status)


def test_a_failure_is_the_providers():
    error = {"code": "server_error", "message": "it fell"}

    with pytest.raises(Unavailable):
        whole(status="failed", error=error)
    with pytest.raises(Unavailable):
        events({"type": "error", "code": "server_error", "message": "it fell"})


@pytest.mark.parametrize(
    ("body", "finish"),
    [
        ({}, "stop"),
        ({"output": [{"type": "function_call", "call_id": "c"}]}, "tool_calls"),
        (
            {"output": [{"type": "message", "content": [{"refusal": "no"}]}]},
            "refusal",
        ),
        ({"status": "incomplete"}, "length"),
        (
            {
                "status": "incomplete",
                "incomplete_details": {"reason": "content_filter"},
            },
            "content_filter",
        ),
    ],
)
def test_why_it_stopped_is_kept(body, finish):
    assert whole(**body).finish == finish


@pytest.mark.parametrize("odd", [-1, "7", 1e300, 2**70, [], {}])
def test_with_what_cannot_be_a_number_of_tokens_nobody_counted(odd):
    usage = {"input_tokens": odd, "output_tokens": 3}

    assert whole(usage=usage).usage is None


@pytest.mark.parametrize("odd", [None, -1, "7", []])
def test_details_that_are_no_object_tell_nothing(odd):
    usage = {"input_tokens": None, "output_tokens": 3, "input_tokens_details": odd}

    assert whole(usage=usage).usage == Usage(output_tokens=3)


def test_arguments_that_come_only_at_the_end_are_not_lost():
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    added = {"type": "response.output_item.added", "output_index": 1}
    done = {"type": "response.output_item.done", "output_index": 1, "item": call}

    late = events(added | {"item": call | {"arguments": ""}}, done)
    alone = events(done)

    name = ToolPiece(index=0, id="c", name="look")
    assert [c.tools for c in late] == [(name,), (ToolPiece(index=0, arguments="{}"),)]
    assert alone[0].tools == (name, ToolPiece(index=0, arguments="{}"))


def test_a_whole_answer_that_was_kept_can_be_shown_as_a_stream_and_back():
    """As when an answer is remembered, and the next caller asks the other way."""
    part = {"type": "output_text", "text": "hi", "annotations": []}
    message = {"type": "message", "content": [part]}
    call = make_call(None, ASKED)
    kept = whole(output=[message], usage={"input_tokens": 1, "output_tokens": 1})

    view = SPOKEN.view(call)
    data = view.show(kept) + view.last()
    told = events(
        {"type": "response.output_text.delta", "delta": "hi"},
        {"type": "response.completed", "response": {"status": "completed"}},
    )

    assert data.count(b"event: response.completed") == 1
    assert b'"delta":"hi"' in data
    again = msgspec.json.decode(SPOKEN.whole(call, told))
    assert again["output"][0]["content"][0]["text"] == "hi"


@pytest.mark.parametrize("kind", [kind for kind in _READ if kind.endswith(".delta")])
@pytest.mark.parametrize("more", [{}, {"delta": None}, {"delta": {"text": "a"}}])
def test_a_delta_without_a_text_is_not_left_out(kind, more):
    """Pain 9: a piece of the answer that cannot be read is an error."""
    with pytest.raises(ProviderError, match="not a response"):
        events({"type": kind, "output_index": 0} | more)
