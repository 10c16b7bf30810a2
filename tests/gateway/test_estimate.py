"""Estimates of tokens: never less than what is there, and never without bounds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.dialects.anthropic.parse_request import read_count
from roadbed.gateway.estimate import IMAGE_TOKENS, TURN_TOKENS, input_tokens
from roadbed.inference.chat import EmbedRequest, RerankRequest

PICTURE = {"type": "base64", "media_type": "image/png", "data": "QUJD" * 40_000}


def asked(content, **fields):
    body = {"model": "m", "messages": [{"role": "user", "content": content}]} | fields
    return read_count(json.dumps(body).encode())[1]


@given(st.text(max_size=60), st.text(max_size=20))
@settings(max_examples=50)
def test_more_text_is_never_fewer_tokens(text, more):
    assert input_tokens(asked(text + more)) >= input_tokens(asked(text)) > 0
    assert input_tokens(asked(text)) >= len(text.encode()) / 3


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 1), ("abc", 1), ("abcd", 2), ("漢字", 2), ("a" * 3000, 1000)],
)
def test_three_bytes_are_a_token(text, tokens):
    assert input_tokens(asked(text)) == tokens + TURN_TOKENS


def test_more_may_be_known_of_a_model():
    assert input_tokens(asked("a" * 40), bytes_per_token=4) == 10 + TURN_TOKENS


def test_what_the_version_adds_is_counted():
    plain = input_tokens(asked("abc"))

    assert input_tokens(asked("abc"), prompt="x" * 297) == plain + 99


def test_a_picture_is_not_counted_by_its_bytes():
    content = [{"type": "image", "source": PICTURE}]

    assert input_tokens(asked(content)) == IMAGE_TOKENS + TURN_TOKENS + 1


def test_tools_and_what_they_gave_are_counted():
    use = {"type": "tool_use", "id": "a", "name": "abc", "input": {"a": "x" * 50}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "y" * 90}
    tool = {"name": "abc", "description": "z" * 60, "input_schema": {}}
    messages = [
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]

    assert input_tokens(asked("", messages=messages, tools=[tool])) > 200 / 3


def test_what_only_its_provider_can_read_is_counted_as_it_was_written():
    tool = {"type": "web_search_20250305", "name": "web_search"}

    assert input_tokens(asked("a" * 300, tools=[tool])) > 100


def test_texts_and_token_numbers_to_be_embedded():
    request = EmbedRequest(fields={}, inputs=("abc" * 4, (1, 2, 3)))

    assert input_tokens(request) == 4 + 3


def test_the_query_is_read_again_with_each_document():
    request = RerankRequest(fields={}, query="abc", documents=("abc", "abcdef"))

    assert input_tokens(request) == 1 + 1 + 1 + 2 + 2
