"""What Bedrock answers, read just far enough."""

import json

import botocore.session
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.core.errors import (
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Truncated,
    Unavailable,
)
from roadbed.core.secret import Bundle, Secret
from roadbed.dialects.bedrock.errors import STATUSES, status_of
from roadbed.dialects.bedrock.parse_answer import FINISHES, Answer
from roadbed.inference.call import Usage
from roadbed.testing.provider_contract import chat_request

PLAIN = chat_request("hi")


@pytest.fixture(scope="module")
def model():
    return botocore.session.get_session().get_service_model("bedrock-runtime")


def whole(reason="end_turn", **more):
    message = {"role": "assistant", "content": [{"text": "hi"}]}
    body = {"output": {"message": message}, "stopReason": reason, **more}
    return Answer(PLAIN).whole(json.dumps(body).encode())


def event(answer, name, **value):
    return answer.event(name, json.dumps(value).encode())


def test_every_stop_reason_that_aws_knows_has_a_meaning_here(model):
    for reason in model.shape_for("StopReason").enum:
        try:
            assert whole(reason).finish == FINISHES[reason]
        except Unavailable:
            assert reason.startswith("malformed_")


def test_a_reason_that_nobody_knows_is_not_taken_for_an_end():
    with pytest.raises(ProviderError, match="unknown reason"):
        whole("something_new")


def test_every_exception_that_aws_knows_has_its_status(model):
    for operation in ("Converse", "ConverseStream"):
        for shape in model.operation_model(operation).error_shapes:
            status = STATUSES[shape.name.removesuffix("Exception").lower()]
            assert status == shape.metadata["error"]["httpStatusCode"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("internalServerException", Unavailable),
        ("modelStreamErrorException", Unavailable),
        ("validationException", Refused),
        ("throttlingException", RateLimited),
        ("serviceUnavailableException", Unavailable),
        ("modelTimeoutException", TimedOut),
        ("modelNotReadyException", RateLimited),
        ("accessDeniedException", Unavailable),
        ("somethingNewException", Unavailable),
        ("error", Unavailable),
    ],
)
def test_each_exception_inside_a_stream_has_its_error(name, kind):
    with pytest.raises(ProviderError) as raised:
        event(Answer(PLAIN), name, message="because")

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("ThrottlingException:http://internal.amazon.com/coral/", 429),
        ("com.amazon.coral#ValidationException", 400),
        ("", 500),
        ("¬", 500),
    ],
)
def test_the_name_of_an_exception_is_found_in_its_spellings(name, status):
    assert status_of(name) == status


def test_no_part_of_a_key_is_repeated():
    key = Bundle(Secret("first-canary"), Secret("second-canary"))
    said = {"message": "no: second-canary, first-canary"}

    with pytest.raises(Refused) as raised:
        answer = Answer(PLAIN, key)
        answer.event("validationException", json.dumps(said).encode())

    assert "canary" not in raised.value.message
    assert "canary" not in f"{key} {key!r}"


def test_what_the_cache_read_and_kept_is_part_of_the_input():
    counts = {
        "inputTokens": 5,
        "outputTokens": 7,
        "cacheReadInputTokens": 2,
        "cacheWriteInputTokens": 4,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m"}],
    }

    assert whole(usage=counts).usage == Usage(
        input_tokens=11,
        output_tokens=7,
        cached_tokens=2,
        cache_write_tokens=4,
        cache_write_1h_tokens=3,
    )


def test_the_usage_comes_after_the_reason_and_ends_the_answer():
    answer = Answer(PLAIN)
    event(answer, "contentBlockDelta", delta={"text": "hi"}, contentBlockIndex=0)
    event(answer, "messageStop", stopReason="end_turn")
    before = answer.done
    last = event(answer, "metadata", usage={"inputTokens": 1, "outputTokens": 2})

    assert (before, answer.done, last.finish) == (False, True, "stop")
    assert last.usage == Usage(input_tokens=1, output_tokens=2)


def test_a_body_that_ends_after_the_reason_is_finished_and_not_counted():
    answer = Answer(PLAIN)
    unfinished = answer.end()
    event(answer, "messageStop", stopReason="max_tokens")

    assert unfinished is None
    assert (answer.end().finish, answer.end().usage) == ("length", None)


@pytest.mark.parametrize("name", ["metadata", "messageStop"])
def test_an_end_without_a_reason_is_no_end(name):
    with pytest.raises(Truncated):
        event(Answer(PLAIN), name)


def test_arguments_of_a_tool_without_a_name_are_an_error():
    with pytest.raises(ProviderError, match="did not name"):
        event(Answer(PLAIN), "contentBlockDelta", delta={"toolUse": {"input": "{"}})


def test_a_picture_is_not_dropped_in_silence():
    block = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
    with pytest.raises(ProviderError, match="picture"):
        whole(output={"message": {"content": [block]}})


def test_an_event_of_a_kind_to_come_is_passed_over():
    assert event(Answer(PLAIN), "somethingNew", delta=1) is None


EVENTS = ["contentBlockStart", "contentBlockDelta", "messageStop", "metadata", "error"]
NAMES = ["delta", "text", "toolUse", "input", "start", "usage", "stopReason", "message"]
NAMES += ["contentBlockIndex", "output", "content", "reasoningContent", "cacheDetails"]
ODD = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)


def objects(inner):
    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)


JSON = objects(st.recursive(ODD, lambda i: st.lists(i, max_size=2) | objects(i)))


@given(st.sampled_from(EVENTS), st.binary(max_size=40) | JSON.map(msgspec.json.encode))
@settings(max_examples=60)
def test_no_bytes_are_worse_than_a_provider_error(name, data):
    for read in (Answer(PLAIN).whole, lambda d: Answer(PLAIN).event(name, d)):
        try:
            read(data)
        except ProviderError as error:
            assert error.message


def test_a_piece_that_cannot_be_read_is_not_left_out():
    """Pain 9: neither of a stream nor of a whole answer."""
    with pytest.raises(ProviderError, match="not one of Converse"):
        event(Answer(PLAIN), "contentBlockDelta", contentBlockIndex=0)
    with pytest.raises(ProviderError, match="not one of Converse"):
        whole(output=None)
