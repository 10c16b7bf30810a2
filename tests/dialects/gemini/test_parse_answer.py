"""What Gemini answers, read just far enough."""

import json

import msgspec
import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import ProviderError, Refused, Truncated, Unavailable
from roadbed.dialects.gemini.errors import error_in
from roadbed.dialects.gemini.parse_answer import FINISHES, Answer
from roadbed.inference.call import Usage
from roadbed.testing.provider_contract import chat_request

PLAIN = chat_request("hi")
KEY = "secret-canary"


def body(*parts, finish=None, **more):
    candidate = {"content": {"parts": list(parts), "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    return json.dumps({"candidates": [candidate], **more}).encode()


def whole(*parts, finish="STOP", **more):
    return Answer(PLAIN).whole(body(*parts, finish=finish, **more))


REASONS = sorted(reason.value for reason in types.FinishReason)


def test_every_finish_reason_that_google_knows_has_a_meaning_here():
    assert set(FINISHES) <= set(REASONS)
    assert len(REASONS) >= 24


@pytest.mark.parametrize("reason", REASONS)
def test_each_finish_reason_ends_an_answer_or_says_that_there_is_none(reason):
    try:
        chunk = whole({"text": "x"}, finish=reason)
    except ProviderError as error:
        assert reason not in FINISHES
        assert error.message
    else:
        assert chunk.finish in ("stop", "length", "content_filter")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("MALFORMED_FUNCTION_CALL", Unavailable),
        ("MISSING_THOUGHT_SIGNATURE", Refused),
        ("PUP_LIMITED_DISABLED", Unavailable),
        ("SOMETHING_NEW", Unavailable),
    ],
)
def test_a_reason_that_is_no_end_is_an_error(reason, kind):
    with pytest.raises(kind):
        whole({"text": "x"}, finish=reason)


def test_a_blocked_prompt_is_a_refusal_that_says_why():
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}

    chunk = Answer(PLAIN).whole(json.dumps(blocked).encode())
    answer = Answer(PLAIN)
    event, last = answer.event("", json.dumps(blocked).encode()), answer.end()

    assert "PROHIBITED_CONTENT" in chunk.refusal == event.refusal
    assert chunk.finish == last.finish == "content_filter"


def test_calls_end_with_tool_calls_only_if_nothing_cut_them_short():
    call = {"functionCall": {"name": "look_up", "args": {"a": 1}}}

    assert whole(call).finish == "tool_calls"
    assert whole(call, finish="MAX_TOKENS").finish == "length"


@pytest.mark.parametrize("args", ["null", "{}", '{"a": 1.50}'])
def test_arguments_are_kept_to_the_byte_and_none_are_an_empty_object(args):
    call = b'{"functionCall":{"name":"x","args":%b}}' % args.encode()
    data = b'{"candidates":[{"finishReason":"STOP","content":{"parts":[%b]}}]}' % call

    (piece,) = Answer(PLAIN).whole(data).tools

    assert piece.arguments == ("{}" if args == "null" else args)


def test_usage_counts_thoughts_as_output_and_what_tools_said_as_input():
    counts = {
        "promptTokenCount": 5,
        "toolUsePromptTokenCount": 2,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 11,
        "cachedContentTokenCount": 3,
        "totalTokenCount": 25,
    }

    assert whole({"text": "x"}, usageMetadata=counts).usage == Usage(
        input_tokens=7, output_tokens=18, cached_tokens=3, reasoning_tokens=11
    )


def test_of_usages_that_are_repeated_the_last_one_holds():
    answer = Answer(PLAIN)
    for n, finish in ((1, None), (2, "STOP"), (3, "STOP")):
        usage = {"promptTokenCount": 4, "candidatesTokenCount": n}
        answer.event("", body({"text": "x"}, finish=finish, usageMetadata=usage))

    assert answer.end().usage == Usage(input_tokens=4, output_tokens=3)


def test_thoughts_are_no_text_and_their_signature_is_marked_as_geminis():
    thought = {"text": "Hm.", "thought": True}
    said = {"text": "Yes.", "thoughtSignature": "c2ln"}

    chunk = whole(thought, said)

    assert (chunk.text, chunk.thinking) == ("Yes.", "Hm.")
    assert chunk.signature == "gemini.c2ln"


def test_without_a_finish_reason_nothing_is_finished():
    answer = Answer(PLAIN)
    answer.event("", body({"text": "x"}))

    assert answer.end() is None
    with pytest.raises(Truncated):
        whole({"text": "x"}, finish=None)


def test_a_picture_is_not_dropped_in_silence():
    with pytest.raises(ProviderError, match="picture"):
        whole({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})


def test_a_bad_key_is_our_fault_although_it_is_told_as_a_bad_request():
    details = [{"reason": "API_KEY_INVALID"}]
    error = {"code": 400, "message": KEY, "status": "INVALID_ARGUMENT"}

    with pytest.raises(Unavailable, match="credential") as raised:
        Answer(PLAIN).event(
            "", json.dumps({"error": error | {"details": details}}).encode()
        )

    assert KEY not in raised.value.message


def test_an_error_in_a_list_is_found_and_others_are_not():
    assert error_in(b'[{"error": {"code": 404}}]').code == 404
    assert [error_in(data) for data in (b"[]", b"{}", b"<html>", b"\xff")] == [None] * 4


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_worse_than_a_provider_error(data):
    for read in (Answer(PLAIN).whole, lambda d: Answer(PLAIN).event("", d)):
        try:
            read(data)
        except ProviderError as error:
            assert error.message


NAMES = ["candidates", "content", "parts", "text", "functionCall", "name", "args", "id"]
NAMES += ["finishReason", "usageMetadata", "promptFeedback", "blockReason", "error"]
NAMES += ["code", "message", "details", "thought", "thoughtSignature", "index"]
ODD = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["STOP", "x", ""])
)


def objects(inner):
    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)


@given(objects(st.recursive(ODD, lambda i: st.lists(i, max_size=2) | objects(i))))
@settings(max_examples=60)
def test_no_json_is_worse_than_a_provider_error(value):
    data = msgspec.json.encode(value)
    for read in (Answer(PLAIN).whole, lambda d: Answer(PLAIN).event("", d)):
        try:
            read(data)
        except ProviderError as error:
            assert error.message
