"""Time."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.clock import from_us, to_text, to_us


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_a_moment_reads_back_to_the_microsecond(moment):
    moment = moment.replace(tzinfo=UTC)

    assert from_us(to_us(moment)) == moment


def test_text_is_utc_and_sorts():
    assert to_text(0) == "1970-01-01T00:00:00.000000Z"
    assert to_text(1_000_001) == "1970-01-01T00:00:01.000001Z"
