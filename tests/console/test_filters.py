from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.console.filters import RANGES, STATUSES, AuditFilter, CallFilter
from roadbed.core.errors import Invalid

NOW = 1_795_168_800_000_000
TIMES = st.sampled_from(["", "2026-11-20T08:00", "2026-11-19"])
QUERIES = st.fixed_dictionaries(
    {
        "endpoint": st.text(max_size=20),
        "model": st.text(max_size=20),
        "status": st.sampled_from(["", *STATUSES]),
        "range": st.sampled_from(["", *RANGES]),
        "since": TIMES,
        "until": st.sampled_from(["", "2026-11-20T09:00"]),
        "before": st.sampled_from(["", "eu-1", "1795168800000000~eu-1"]),
        "peek": st.text(max_size=20),
        "unknown": st.text(max_size=5),
    }
)


def read(text):
    return CallFilter.read(dict(parse_qsl(text.removeprefix("?"))))


@given(QUERIES)
def test_a_filter_survives_its_address_and_has_one_spelling(query):
    wanted = CallFilter.read(query)
    again = read(wanted.query())

    assert again.query() == wanted.query()
    assert again.window(NOW) == wanted.window(NOW)


def test_defaults_are_left_out_of_the_address():
    assert (
        CallFilter.read({"range": "24h", "endpoint": " ", "status": ""}).query() == ""
    )


def test_a_moving_range_wins_over_times_that_stand_still():
    wanted = CallFilter.read({"range": "1h", "since": "2026-11-20T08:00"})

    assert wanted.since == ""
    assert wanted.window(NOW) == (NOW - 3_600_000_000, None)


def test_times_alone_are_a_custom_range():
    wanted = CallFilter.read({"since": "2026-11-20T08:00"})

    assert wanted.range == "custom"
    assert wanted.window(NOW) == (NOW - 2 * 3_600_000_000, None)
    assert wanted.words() == "Since 2026-11-20 08:00 UTC"


def test_a_page_that_ended_is_not_refreshed():
    assert CallFilter().live
    assert not CallFilter(before="eu-1").live
    assert not CallFilter(range="custom", until="2026-11-20T08:00").live


@pytest.mark.parametrize(
    "query",
    [
        {"status": "banana"},
        {"range": "year"},
        {"since": "yesterday"},
        {"since": "2026-11-20T09:00", "until": "2026-11-20T08:00"},
        {"endpoint": "x" * 300},
        {"before": "zzz~1"},
        {"before": "9" * 19 + "~eu-1"},
    ],
)
def test_a_wrong_field_is_named(query):
    with pytest.raises(Invalid) as caught:
        CallFilter.read(query)

    assert any(name in caught.value.message for name in query)


@pytest.mark.parametrize("before", ["-1", "1e9", "9" * 19, "²"])
def test_an_audit_cursor_is_a_sequence_number(before):
    with pytest.raises(Invalid):
        AuditFilter.read({"before": before})


def test_a_field_can_be_taken_off():
    wanted = AuditFilter(actor="service-account:ci", outcome="denied")

    assert wanted.without("actor").query() == "?outcome=denied"
    assert wanted.active == (("actor", "service-account:ci"), ("outcome", "denied"))
