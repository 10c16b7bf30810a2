"""Server-sent events, cut anywhere."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.transport.events import Events


@given(st.lists(st.binary(max_size=20), max_size=20), st.data())
@settings(max_examples=60)
def test_events_do_not_depend_on_where_the_bytes_were_cut(lines, data):
    stream = b"\n".join(b"data: " + line if line else b"" for line in lines) + b"\n\n"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))) | {0, len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(cuts)]

    cutter = Events()
    found = [event for piece in pieces for event in cutter.feed(piece)]

    assert found == Events().feed(stream)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_comments_and_ids_are_not_data(end):
    lines = [b": ping", b"", b"event: x", b"id: 1", b"data:{", b"data: }", b"", b""]

    found = Events().feed(end.join(lines))

    assert found == [("x", b"{ }")]
