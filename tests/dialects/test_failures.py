"""What refusals mean, and what they must not say."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import ProviderError, RateLimited, Refused, Unavailable
from roadbed.core.secret import Bundle, Secret
from roadbed.dialects.failures import by_status, message_of, retry_after_s, scrub
from roadbed.dialects.openai.errors import in_band

KEY = "sk-canary-3f9a7c51e8d2"


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_retry_after_header_is_too_odd(milliseconds, after, moment):
    headers = {"retry-after-ms": milliseconds, "retry-after": after, "date": moment}

    seconds = retry_after_s(headers, datetime.now(UTC))

    assert seconds is None or 0 <= seconds < float("inf")


def test_a_date_to_wait_for_is_read_by_the_upstreams_clock():
    there = datetime(2031, 1, 1, tzinfo=UTC)
    later = format_datetime(there + timedelta(seconds=9), usegmt=True)
    headers = {"date": format_datetime(there, usegmt=True), "retry-after": later}

    assert retry_after_s(headers, datetime(2026, 1, 1, tzinfo=UTC)) == 9


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429}, RateLimited),
        ({"code": "rate_limit_exceeded"}, RateLimited),
        ({"code": "503"}, Unavailable),
        ({"type": "overloaded_error"}, Unavailable),
        ({"type": "invalid_request_error", "message": "no"}, Refused),
        ({"message": "odd"}, ProviderError),
        ("plain words", ProviderError),
    ],
)
def test_an_error_inside_an_answer_is_read_by_its_code(error, kind):
    assert type(in_band(error, None)) is kind


@given(st.text(), st.text())
def test_scrubbed_text_never_holds_the_key(before, after):
    text = scrub(f"{before}{KEY}{after}", Secret(KEY))

    assert KEY not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "key", ["AIzaSyCanary0123456789abcdefghijklmnopq", "AKIACANARY0000000001"]
)
def test_keys_of_clouds_are_scrubbed_and_words_that_begin_alike_are_not(key):
    text = scrub(f"{key} is not known in asiapacificregion", None)

    assert text == "**** is not known in asiapacificregion"


def test_each_part_of_a_key_is_scrubbed():
    text = scrub("one and two", Bundle(Secret("one"), Secret("two")))

    assert text == "**** and ****"


def test_text_that_looks_like_somebody_elses_key_is_scrubbed_too():
    text = scrub("Bearer abc.def and sk-proj-abcdefgh, please", None)

    assert text == "**** and ****, please"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "no such model"}}', "no such model"),
        (b'{"error": "no such model"}', "no such model"),
        (b'{"object": "error", "message": "no such model"}', "no such model"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"error": {"message": ["odd"]}}', ""),
        (b"<html>", ""),
        (b"\xff", ""),
        (b"", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_the_sentence_of_an_error_is_found_in_each_spelling(body, message):
    assert message_of(body) == message


@given(st.integers(100, 999))
def test_every_status_that_is_no_answer_has_an_error(status):
    error = by_status(status, "why")

    assert isinstance(error, ProviderError)
    assert str(status) in error.message
