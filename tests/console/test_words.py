import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.console import words


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (None, words.NOTHING),
        (0, "0 µs"),
        (840, "840 µs"),
        (12_400, "12.4 ms"),
        (999_999, "1000 ms"),
        (1_240_000, "1.24 s"),
        (125_000_000, "2 min 5 s"),
    ],
)
def test_a_duration_has_the_unit_that_keeps_it_short(us, text):
    assert words.duration(us) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(0, "0 %"), (0.0004, "< 0.1 %"), (0.022, "2.2 %"), (1, "100.0 %")],
)
def test_a_small_share_is_never_shown_as_none(part, text):
    assert words.share(part) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "just now"), (90, "90 s ago"), (600, "10 min ago"), (7300, "2 h ago")],
)
def test_the_past_is_told_in_one_unit(seconds, text):
    now = 1_795_168_800_000_000

    assert words.ago(now - seconds * 1_000_000, now) == text


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "entry", "1 entry"), (2, "entry", "2 entries"), (0, "call", "0 calls")],
)
def test_nouns_agree_with_their_number(number, noun, text):
    assert words.plural(number, noun) == text


def test_a_sentence_begins_with_a_capital_and_ends_with_a_stop():
    assert words.sentence("no key was given") == "No key was given."
    assert words.sentence("Why?") == "Why?"
    assert words.sentence("") == ""


def test_json_is_indented_and_other_text_left_alone():
    assert words.pretty('{"a":[1,2]}') == '{\n  "a": [1, 2]\n}'
    assert words.pretty("data: {half") == "data: {half"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(JSON)
def test_what_is_shown_is_still_the_same_json(plain):
    assert json.loads(words.as_json(plain)) == plain


@given(st.floats())
def test_any_number_can_be_said(number):
    assert words.amount(number)
    assert words.signed(number)


@given(st.integers(min_value=0, max_value=10**15))
def test_any_duration_can_be_said(us):
    assert words.duration(us)[-1] == "s"
