"""From a call on record to a line that its answer can be replayed from."""

from collections.abc import Callable
from typing import Any

import msgspec

from roadbed.core.errors import Invalid
from roadbed.gateway.calls import Found
from roadbed.inference.asking import asked_of
from roadbed.inference.chat import ChatRequest
from roadbed.inference.record import CallRecord
from roadbed.inference.recorded import (
    RecordedAnswer,
    RecordedCall,
    RecordedTool,
    RecordedUsage,
)

Read = Callable[[bytes], tuple[str, Any]]
"""Reads the body of a request: how one dialect does."""


class _Response(msgspec.Struct):
    text: str = ""
    finish: str = ""
    tool_calls: list[RecordedTool] = []
    annotations: list[dict[str, Any]] = []


_RESPONSE = msgspec.json.Decoder(_Response)


def replayable(found: Found, read: Read) -> RecordedCall | None:
    """Return what a call can be replayed by, None if it cannot be.

    Only conversations that ended well, and whose question and answer were kept.
    """
    record, payload = found.record, found.payload
    if payload is None or record.status != "ok" or record.kind != "llm":
        return None
    try:
        _, request = read(payload.request.encode())
        if not isinstance(request, ChatRequest):
            return None
        asked = asked_of(request.conversation())
        told = _RESPONSE.decode(payload.response)
    except (Invalid, msgspec.DecodeError, UnicodeError):
        return None
    answer = RecordedAnswer(
        text=told.text,
        finish=told.finish or "stop",
        tool_calls=told.tool_calls,
        annotations=told.annotations,
        usage=_usage(record),
        served=record.served,
    )
    return RecordedCall(
        asked=asked, answer=answer, call=record.call_id, endpoint=record.endpoint
    )


def _usage(record: CallRecord) -> RecordedUsage | None:
    if not (record.input_tokens or record.output_tokens):
        return None
    return RecordedUsage(
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_tokens=record.cached_tokens,
        cache_write_tokens=record.cache_write_tokens,
        reasoning_tokens=record.reasoning_tokens,
    )
