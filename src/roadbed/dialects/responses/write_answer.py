"""OpenAI Responses: answering a caller in it."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from roadbed.core.errors import RoadbedError
from roadbed.dialects.openai.errors import body_of
from roadbed.dialects.responses.describe import DIALECT, described, usage_of
from roadbed.dialects.responses.output import Event, Making
from roadbed.inference.call import Call, Chunk, Usage
from roadbed.inference.chat import ChatRequest

TERMINAL = frozenset(
    {"response.completed", "response.incomplete", "response.failed"}
)  # fmt: skip
_SHORT = {"length": "max_output_tokens", "content_filter": "content_filter"}
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")


def whole(call: Call, chunks: Sequence[Chunk]) -> bytes:
    """Return a whole response; a provider's own is shown as it came."""
    if len(chunks) == 1 and is_own(chunks[0]) and not _is_event(chunks[0]):
        fields = _FIELDS.decode(chunks[0].raw or b"")
        return msgspec.json.encode(_shown(fields, call))
    making = Making(call.id)
    for chunk in chunks:
        _spend(making.take(chunk))
    finish = next((c.finish for c in reversed(chunks) if c.finish), "") or ""
    usage = next((c.usage for c in reversed(chunks) if c.usage), None)
    _spend(making.end(_status(finish)))
    return msgspec.json.encode(_ended(call, making, finish, usage))


def counted(call: Call, chunks: Sequence[Chunk]) -> bytes:
    """Return the number of tokens that was counted, which is the answer's text."""
    count = msgspec.json.decode("".join(chunk.text for chunk in chunks))
    return msgspec.json.encode({"object": "response.input_tokens", **count})


def is_own(chunk: Chunk) -> bool:
    """Say whether the provider wrote *chunk* in this dialect."""
    return chunk.raw is not None and chunk.dialect == DIALECT


def _is_event(chunk: Chunk) -> bool:
    return (chunk.raw or b"").startswith(b"event:")


class EventView:
    """Shows the pieces of one answer as the typed events of a response.

    The event that ends the response is shown last, when the call is on record, also
    if it is the provider's own.
    """

    def __init__(self, call: Call) -> None:
        assert isinstance(call.request, ChatRequest)
        self._call = call
        self._making = Making(call.id)
        self._number = 0
        self._begun = False
        self._held = b""
        self._finish = ""
        self._usage: Usage | None = None

    def show(self, chunk: Chunk) -> bytes:
        """Return the events that show *chunk*, or nothing."""
        if is_own(chunk) and _is_event(chunk):
            return self._forward(chunk.raw or b"")
        self._usage = chunk.usage or self._usage
        events = list(self._making.take(chunk))
        if chunk.finish:
            self._finish = chunk.finish
            events += self._making.end(_status(chunk.finish))
        return self._told(events) if events else b""

    def last(self) -> bytes:
        """Return the event that ends the response."""
        if self._held:
            return self._held
        ended = _ended(self._call, self._making, self._finish, self._usage)
        kind = f"response.{ended['status']}"
        return self._told([{"type": kind, "response": ended}])

    def failed(self, error: RoadbedError) -> bytes:
        """Return the events that tell of *error*; nothing follows them.

        The SDKs raise at an `error` event whose error is an object inside it.
        """
        told = body_of(error)["error"]
        events: list[Event] = [{"type": "error", "error": told}]
        if self._begun:
            reason = {"code": told["code"], "message": told["message"]}
            output = {"output": self._making.items, "error": reason}
            failed = described(self._call) | output | {"status": "failed"}
            events.insert(0, {"type": "response.failed", "response": failed})
        return b"".join(self._event(event) for event in events)

    def _told(self, events: Iterable[Event]) -> bytes:
        first: list[Event] = []
        if not self._begun:
            self._begun = True
            begun = described(self._call)
            for kind in ("response.created", "response.in_progress"):
                first.append({"type": kind, "response": begun})
        return b"".join(self._event(event) for event in (*first, *events))

    def _event(self, event: Event) -> bytes:
        numbered = {"type": event["type"], "sequence_number": self._number, **event}
        self._number += 1
        return _frame(event["type"].encode(), msgspec.json.encode(numbered))

    def _forward(self, raw: bytes) -> bytes:
        """Return a provider's events as they came, but under the endpoint's name."""
        count = raw.count(b"\n\n")
        if count == 1 or b'"response"' in raw:
            events = raw.removesuffix(b"\n\n").split(b"\n\n")
            return b"".join(self._forward_one(event + b"\n\n") for event in events)
        self._number += count
        return raw

    def _forward_one(self, raw: bytes) -> bytes:
        self._number += 1
        if b'"response"' not in raw:
            return raw
        name, _, data = raw.partition(b"\n")
        fields = _FIELDS.decode(data.removeprefix(b"data:"))
        inner = fields.get("response", _NULL)
        if not bytes(inner).startswith(b"{"):
            return raw
        shown = _shown(_FIELDS.decode(inner), self._call)
        fields["response"] = msgspec.Raw(msgspec.json.encode(shown))
        kind = name.removeprefix(b"event:").strip()
        event = _frame(kind, msgspec.json.encode(fields))
        if kind.decode("utf-8", "replace") in TERMINAL:
            self._held = event
            return b""
        return event


def _shown(fields: dict[str, msgspec.Raw], call: Call) -> dict[str, msgspec.Raw]:
    """Return a provider's response with what the caller knows it by.

    That is the endpoint's name, and instructions without the version's own prompt.
    """
    fields["model"] = msgspec.Raw(msgspec.json.encode(call.endpoint))
    if "instructions" in fields:
        assert isinstance(call.request, ChatRequest)
        fields["instructions"] = call.request.fields.get("instructions", _NULL)
    return fields


def _ended(
    call: Call, making: Making, finish: str, usage: Usage | None
) -> dict[str, Any]:
    """Return the response at its end."""
    took_us = (time.monotonic_ns() - call.started_ns) // 1000
    ended: dict[str, Any] = {
        "status": _status(finish),
        "completed_at": (call.received_us + took_us) // 1_000_000,
        "output": making.items,
        "usage": usage and usage_of(usage),
    }
    if finish in _SHORT:
        short = {"incomplete_details": {"reason": _SHORT[finish]}}
        ended |= short | {"completed_at": None}
    return described(call) | ended


def _status(finish: str) -> str:
    return "incomplete" if finish in _SHORT else "completed"


def _spend(events: Iterable[Event]) -> None:
    for _ in events:
        pass


def _frame(name: bytes, data: bytes) -> bytes:
    return b"event: " + name + b"\ndata: " + data + b"\n\n"
