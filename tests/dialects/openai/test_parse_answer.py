"""Answers, read just far enough."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import ProviderError, Truncated
from roadbed.dialects.openai.parse_answer import Answer
from roadbed.inference.call import ToolPiece, Usage
from roadbed.testing.provider_contract import chat_request

PLAIN = chat_request("hi")
COUNTING = chat_request("hi", stream=True, wants_usage=True)


def event(data):
    return Answer(COUNTING).event("", data)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_worse_than_a_provider_error(data):
    for read in (Answer(PLAIN).whole, event):
        try:
            read(data)
        except ProviderError as error:
            assert error.message


NAMES = {"model", "choices", "usage", "error", "index", "message", "delta", "content"}
NAMES |= {"tool_calls", "finish_reason", "function", "arguments", "prompt_tokens"}
NAMES |= {"annotations", "code", "type", "text"}
ODD = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)


def objects(inner):
    return st.dictionaries(st.sampled_from(sorted(NAMES)), inner, max_size=4)


JSON = st.recursive(ODD, lambda inner: st.lists(inner, max_size=2) | objects(inner))


@given(objects(JSON))
@settings(max_examples=200)
def test_no_json_is_worse_than_a_provider_error(value):
    for read in (Answer(PLAIN).whole, event):
        try:
            read(msgspec.json.encode(value))
        except ProviderError as error:
            assert error.message


def chunk_of(**body):
    choice = {"message": {"content": "hi"}, "finish_reason": "stop"}
    return Answer(PLAIN).whole(msgspec.json.encode({"choices": [choice]} | body))


@pytest.mark.parametrize("key", ["error", "choices", "model"])
def test_no_nesting_is_too_deep(key):
    deep = b'{"%b": %b' % (key.encode(), b"[" * 100_000)

    for read in (Answer(PLAIN).whole, event):
        with pytest.raises(ProviderError):
            read(deep)


@pytest.mark.parametrize("odd", [-1, "7", 1e300, 2**70, [], {}])
def test_with_what_cannot_be_a_number_of_tokens_nobody_counted(odd):
    usage = {"prompt_tokens": odd, "completion_tokens": 3}

    assert chunk_of(usage=usage).usage is None


@pytest.mark.parametrize("odd", [None, -1, "7", []])
def test_details_that_are_no_object_tell_nothing(odd):
    usage = {
        "prompt_tokens": None,
        "completion_tokens": 3,
        "prompt_tokens_details": odd,
    }

    assert chunk_of(usage=usage).usage == Usage(output_tokens=3)


def test_text_that_comes_in_parts_is_joined():
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}, "c"]
    choice = {"message": {"content": parts}, "finish_reason": "stop"}

    assert chunk_of(choices=[choice]).text == "ab"


def test_of_several_choices_the_first_is_on_record_and_all_are_passed_on():
    choices = [
        {"index": n, "message": {"content": word}, "finish_reason": "stop"}
        for n, word in enumerate(["one", "two"])
    ]

    chunk = chunk_of(choices=choices)

    assert chunk.text == "one"
    assert b"two" in chunk.raw


def test_an_event_without_a_choice_is_passed_on():
    said = b'{"choices": [], "prompt_filter_results": []}'

    assert Answer(PLAIN).event("", said).raw == b"data: " + said + b"\n\n"


def test_a_terminal_marker_without_a_reason_is_no_end():
    with pytest.raises(Truncated):
        Answer(PLAIN).event("", b"[DONE]")


def test_the_pieces_of_tool_calls_keep_their_place():
    call = {"index": 1, "id": "c1", "function": {"name": "look", "arguments": "{"}}
    choice = {"delta": {"tool_calls": [call]}, "finish_reason": None}

    chunk = event(msgspec.json.encode({"choices": [choice]}))

    assert chunk.tools == (ToolPiece(index=1, id="c1", name="look", arguments="{"),)


@pytest.mark.parametrize("content", [5, {"text": "a"}, True])
def test_content_that_cannot_be_read_is_not_left_out(content):
    """Pain 9: a piece of the answer that cannot be read is an error."""
    body = {"choices": [{"delta": {"content": content}}]}

    with pytest.raises(ProviderError, match="not a chat completion"):
        event(msgspec.json.encode(body))
