"""Anthropic Messages: answering a caller in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roadbed.core.errors import RoadbedError
from roadbed.dialects.anthropic.errors import DIALECT, body_of
from roadbed.dialects.anthropic.shown import Shown, assembled
from roadbed.inference.call import Call, Chunk, Usage

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_START = b"event: message_start\n"
_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
}
_NOTHING = Usage()


def whole(call: Call, chunks: Sequence[Chunk]) -> bytes:
    """Return a whole message; a provider's own is shown as it came."""
    if len(chunks) == 1 and is_own(chunks[0]):
        return _under_our_name(chunks[0].raw or b"", call.endpoint)
    return msgspec.json.encode(message(call, chunks))


def counted(call: Call, chunks: Sequence[Chunk]) -> bytes:
    """Return the number of tokens that was counted, which is the answer's text."""
    return "".join(chunk.text for chunk in chunks).encode()


def is_own(chunk: Chunk) -> bool:
    """Say whether the provider wrote *chunk* in this dialect."""
    return chunk.raw is not None and chunk.dialect == DIALECT


class EventView:
    """Shows the pieces of one answer as events of a Messages stream."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shown = Shown(call.id)
        self._begun = self._own = False
        self._end = Chunk()

    def show(self, chunk: Chunk) -> bytes:
        """Return the events that show *chunk*, or nothing."""
        if is_own(chunk):
            self._own = True
            return self._forward(chunk)
        if chunk.finish:
            self._end = chunk
        events = self._shown.add(chunk)
        if not events:
            return b""
        return self._head() + b"".join(map(_event, events))

    def last(self) -> bytes:
        """Return the events that end the message: why it stopped, and the count."""
        if self._own:
            return _STOP
        events = [*self._shown.close(), _delta(self._end, self._shown.called)]
        return self._head() + b"".join(map(_event, events)) + _STOP

    def failed(self, error: RoadbedError) -> bytes:
        """Return the event that tells of *error*; no `message_stop` follows it."""
        return _event(body_of(error, self._call.id))

    def _head(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        start = {"type": "message_start", "message": _empty(self._call)}
        return _event(start)

    def _forward(self, chunk: Chunk) -> bytes:
        raw = chunk.raw or b""
        if chunk.finish:
            return b""  # said only when the call is on record
        if _START not in raw:
            return raw
        events = raw.removesuffix(b"\n\n").split(b"\n\n")
        return b"".join(self._under_our_name(event + b"\n\n") for event in events)

    def _under_our_name(self, raw: bytes) -> bytes:
        if not raw.startswith(_START):
            return raw
        event = _FIELDS.decode(raw.removeprefix(_START).removeprefix(b"data: "))
        started = _under_our_name(event["message"], self._call.endpoint)
        return _event({**event, "message": msgspec.Raw(started)})


def message(call: Call, chunks: Sequence[Chunk]) -> dict[str, Any]:
    """Return a whole message, put together from *chunks* of any dialect."""
    shown = Shown(call.id)
    events = [event for chunk in chunks for event in shown.add(chunk)]
    content = assembled([*events, *shown.close()])
    end = next((c for c in reversed(chunks) if c.finish), Chunk())
    told = _delta(end, shown.called)
    return _empty(call) | {"content": content, "usage": told["usage"]} | told["delta"]


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return *usage* as Anthropic counts it: its input is what no cache was part of."""
    written, hour = usage.cache_write_tokens, usage.cache_write_1h_tokens
    return {
        "input_tokens": max(0, usage.input_tokens - usage.cached_tokens - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": max(0, written - hour),
            "ephemeral_1h_input_tokens": hour,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def _delta(end: Chunk, called: bool) -> dict[str, Any]:
    reason = _REASONS.get(end.finish or "", "end_turn")
    if reason == "end_turn":
        # A model that was made to call a tool may say that it simply stopped.
        reason = "tool_use" if called else "stop_sequence" if end.stop else reason
    stop = end.stop if reason == "stop_sequence" else None
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": stop},
        "usage": usage_of(end.usage or _NOTHING),
    }


def _empty(call: Call) -> dict[str, Any]:
    return {
        "id": f"msg_{call.id}",
        "type": "message",
        "role": "assistant",
        "model": call.endpoint,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_of(_NOTHING),
    }


def _under_our_name(data: bytes | msgspec.Raw, endpoint: str) -> bytes:
    fields = _FIELDS.decode(data)
    fields["model"] = msgspec.Raw(msgspec.json.encode(endpoint))
    return msgspec.json.encode(fields)


def _event(document: Mapping[str, Any]) -> bytes:
    name, data = str(document["type"]).encode(), msgspec.json.encode(document)
    return b"event: %b\ndata: %b\n\n" % (name, data)
