"""Cursors that come from outside."""

import pytest

from roadbed.core.errors import Invalid
from roadbed.gateway.history import read_cursor


@pytest.mark.parametrize(
    "text", ["zzz~1", "~", "1", "-1~x", "²~x", "9" * 40 + "~x", "1.5~x", ""]
)
def test_what_is_no_cursor_is_refused_with_a_hint(text):
    with pytest.raises(Invalid) as refusal:
        read_cursor(text)

    assert "last call" in refusal.value.hint


def test_a_cursor_reads_back():
    assert read_cursor("1795171933000000~local-1") == (1795171933000000, "local-1")
