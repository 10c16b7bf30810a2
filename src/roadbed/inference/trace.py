"""W3C trace context: whose trace a call is part of, and what upstreams hear of it."""

import re
from typing import NamedTuple

from roadbed.core.fresh import Fresh
from roadbed.inference.call import Call

_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    r"(-.*)?"
)
_fresh = Fresh(24)
_STATE = re.compile(r"[\x20-\x7e]{1,512}")


class Context(NamedTuple):
    """Where a call stands in a trace.

    `span_id` is the call's own, `parent_id` the caller's, empty if the trace begins
    here. `trace_state` is what other vendors want kept; `sampled` says whether whoever
    began the trace wants to see it.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    trace_state: str = ""
    sampled: bool = True


def received(traceparent: str, tracestate: str = "") -> Context:
    """Return the context that a caller's headers give, or begin a trace.

    A header that is not as the standard has it counts as none at all.
    """
    fresh = _fresh().hex()
    found = _PARENT.fullmatch(traceparent) if traceparent else None
    if found is None or (found[1] == "00" and found[5]):
        return Context(trace_id=fresh[16:], span_id=fresh[:16])
    return Context(
        trace_id=found[2],
        span_id=fresh[:16],
        parent_id=found[3],
        trace_state=tracestate if _STATE.fullmatch(tracestate) else "",
        sampled=bool(int(found[4], 16) & 1),
    )


def traced(call: Call) -> dict[str, str]:
    """Return the headers that tie an upstream's trace to *call*."""
    if not (call.trace_id and call.span_id):
        return {}
    flags = "01" if call.sampled else "00"
    headers = {"traceparent": f"00-{call.trace_id}-{call.span_id}-{flags}"}
    if call.trace_state:
        headers["tracestate"] = call.trace_state
    return headers
