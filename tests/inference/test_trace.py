"""W3C trace context, as its specification tells it, and however it is spoilt."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roadbed.inference.trace import received, traced
from tests.inference.calls import a_call, deployment

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "joined"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-more", True),
        (f"00-{TRACE}-{PARENT}-01-more", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        (f"00-{TRACE[1:]}-{PARENT}-01", False),
        (f"00-{TRACE}-{PARENT}", False),
        ("", False),
    ],
)
def test_a_trace_is_joined_only_if_it_is_one(header, joined):
    context = received(header, "vendor=1")

    assert (context.trace_id == TRACE) == joined
    assert context.parent_id == (PARENT if joined else "")
    assert context.trace_state == ("vendor=1" if joined else "")


@given(st.text(), st.text())
@example(f"00-{TRACE}-{PARENT}-00", "a=b\r\nx: y")
def test_whatever_comes_there_is_a_context_that_may_be_sent_on(header, state):
    context = received(header, state)
    call = a_call(deployment())
    for name, value in context._asdict().items():
        setattr(call, name, value)
    sent = traced(call)

    assert len(context.trace_id) == 32
    assert len(context.span_id) == 16
    assert received(sent["traceparent"]).trace_id == context.trace_id
    assert all(v.isascii() and v.isprintable() for v in sent.values())


def test_every_call_is_a_span_of_its_own():
    header = f"00-{TRACE}-{PARENT}-01"

    assert len({received(header).span_id for _ in range(1000)}) == 1000
    assert len({received("").trace_id for _ in range(1000)}) == 1000


@pytest.mark.parametrize(("flags", "sent"), [("01", "01"), ("00", "00"), ("03", "01")])
def test_whoever_does_not_want_to_see_a_trace_is_heard_upstream(flags, sent):
    call = a_call(deployment())
    for name, value in received(f"00-{TRACE}-{PARENT}-{flags}")._asdict().items():
        setattr(call, name, value)

    assert traced(call)["traceparent"] == f"00-{TRACE}-{call.span_id}-{sent}"
