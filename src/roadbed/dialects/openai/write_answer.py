"""OpenAI chat completions: answering a caller in it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from roadbed.core.errors import RoadbedError
from roadbed.dialects.openai.errors import DIALECT, body_of
from roadbed.inference.call import Call, Chunk, ToolPiece, Usage
from roadbed.inference.chat import ChatRequest

_DONE = b"data: [DONE]\n\n"
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")
_FINISHES = {"refusal": "content_filter", "pause": "stop"}


def whole(call: Call, chunks: Sequence[Chunk]) -> bytes:
    """Return a whole completion; a provider's own is shown as it came."""
    if len(chunks) == 1 and is_own(chunks[0]):
        return forward(chunks[0].raw or b"", call.endpoint)
    return msgspec.json.encode(completion(call, chunks))


def is_own(chunk: Chunk) -> bool:
    """Say whether the provider wrote *chunk* in this dialect."""
    return chunk.raw is not None and chunk.dialect == DIALECT


class EventView:
    """Shows the pieces of one answer as events of an OpenAI stream."""

    def __init__(self, call: Call) -> None:
        assert isinstance(call.request, ChatRequest)
        self._wants_usage = call.request.wants_usage
        self._model = msgspec.Raw(msgspec.json.encode(call.endpoint))
        self._head = _head(call, "chat.completion.chunk")
        self._begun = False
        self._usage: Usage | None = None
        self._theirs = self._ours = b""

    def show(self, chunk: Chunk) -> bytes:
        """Return the events that show *chunk*, or nothing."""
        if is_own(chunk):
            return self._forward(chunk.raw or b"")
        self._usage = chunk.usage or self._usage
        delta = _delta(chunk)
        if not delta and not chunk.finish:
            return b""
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", "content": "", **delta}
        finish = chunk.finish and _FINISHES.get(chunk.finish, chunk.finish)
        if finish and delta:
            return self._event(delta, None) + self._event({}, finish)
        return self._event(delta, finish)

    def last(self) -> bytes:
        """Return the event with the usage, if it was asked for, and the marker."""
        if not self._wants_usage or self._usage is None:
            return _DONE
        counted = {**self._head, "choices": [], "usage": usage_of(self._usage)}
        return _event(counted) + _DONE

    def failed(self, error: RoadbedError) -> bytes:
        """Return the event that tells of *error*; no marker follows it."""
        return _event(body_of(error))

    def _event(self, delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event: dict[str, Any] = {**self._head, "choices": [choice]}
        if self._wants_usage:
            event["usage"] = None
        return _event(event)

    def _forward(self, raw: bytes) -> bytes:
        """Return a provider's events as they came, but under the endpoint's name."""
        if (quick := self._renamed(raw)) is not None:
            return quick
        events = raw.removesuffix(b"\n\n").split(b"\n\n")
        self._learn(events[0])
        if (quick := self._renamed(raw)) is not None:
            return quick
        return b"".join([self._forward_one(event) for event in events])

    def _renamed(self, raw: bytes) -> bytes | None:
        """Return *raw* with another name in it, if all it takes is to look at bytes.

        An event that begins as one did that was decoded has the same head, and what is
        in quotes in a head cannot stand inside a text, where quotes are escaped.
        """
        theirs = self._theirs
        if not theirs or raw.count(theirs) != raw.count(b"\n\n"):
            return None
        raw = raw.replace(theirs, self._ours)
        if not self._wants_usage and b'"usage"' in raw:
            raw = raw.replace(b',"usage":null}\n\n', b"}\n\n")
            if b'"usage"' in raw:
                return None
        return raw

    def _forward_one(self, event: bytes) -> bytes:
        data = event.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            return b""  # said only when the call is on record
        fields = _FIELDS.decode(data)
        counted = not self._wants_usage and fields.pop("usage", None) is not None
        if counted and bytes(fields.get("choices", msgspec.Raw(b""))) == b"[]":
            return b""
        fields["model"] = self._model
        return _event(fields)

    def _learn(self, event: bytes) -> None:
        """Note how events begin, up to their choices, and how we begin them."""
        data = event.removeprefix(b"data: ")
        head = data[: data.find(b'"choices"')]
        try:
            fields = _FIELDS.decode(head + b'"choices":0}')
        except msgspec.DecodeError:
            return  # these are not the event's own choices
        if "model" not in fields:
            return
        del fields["choices"]
        fields["model"] = self._model
        if not self._wants_usage and bytes(fields.pop("usage", _NULL)) != b"null":
            return
        self._theirs = b"data: " + head
        self._ours = b"data: " + msgspec.json.encode(fields)[:-1] + b","


def forward(raw: bytes, endpoint: str) -> bytes:
    """Return a provider's whole answer, its `model` shown as *endpoint*."""
    fields = _FIELDS.decode(raw)
    fields["model"] = msgspec.Raw(msgspec.json.encode(endpoint))
    return msgspec.json.encode(fields)


def completion(call: Call, chunks: Sequence[Chunk]) -> dict[str, Any]:
    """Return a whole completion, put together from *chunks* of any dialect."""
    text = "".join(c.text for c in chunks)
    refusal = "".join(c.refusal for c in chunks) or None
    tools = assembled(chunks)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if (tools or refusal) and not text else text,
        "refusal": refusal,
    }
    if thought := "".join(c.thinking for c in chunks):
        message["reasoning_content"] = thought
    if tools:
        message["tool_calls"] = tools
    if citations := [a for c in chunks for a in c.annotations]:
        message["annotations"] = citations
    finish = next((c.finish for c in reversed(chunks) if c.finish), None)
    finish = finish and _FINISHES.get(finish, finish)
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    document = {**_head(call, "chat.completion"), "choices": [choice]}
    usage = next((c.usage for c in reversed(chunks) if c.usage), None)
    if usage is not None:
        document["usage"] = usage_of(usage)
    return document


def assembled(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """Return the tool calls that the pieces in *chunks* make up."""
    found: dict[int, dict[str, Any]] = {}
    for piece in (piece for chunk in chunks for piece in chunk.tools):
        known = found.setdefault(piece.index, _call(piece) | {"id": ""})
        known["id"] = piece.id or known["id"]
        function = known["function"]
        function["name"] = piece.name or function["name"]
        function["arguments"] += piece.arguments
    return list(found.values())


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return *usage* as OpenAI counts it: cached tokens are part of the prompt's."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def model_document(name: str, created: int = 0) -> dict[str, Any]:
    """Return one entry of the list of models."""
    return {"id": name, "object": "model", "created": created, "owned_by": "roadbed"}


def _delta(chunk: Chunk) -> dict[str, Any]:
    delta: dict[str, Any] = {}
    if chunk.text:
        delta["content"] = chunk.text
    if chunk.thinking:
        delta["reasoning_content"] = chunk.thinking
    if chunk.refusal:
        delta["refusal"] = chunk.refusal
    if chunk.tools:
        delta["tool_calls"] = [_piece(piece) for piece in chunk.tools]
    if chunk.annotations:
        delta["annotations"] = list(chunk.annotations)
    return delta


def _piece(piece: ToolPiece) -> dict[str, Any]:
    if not piece.id and not piece.name:
        return {"index": piece.index, "function": {"arguments": piece.arguments}}
    function = {"name": piece.name, "arguments": piece.arguments}
    head = {"index": piece.index, "id": piece.id, "type": "function"}
    return head | {"function": function}


def _call(piece: ToolPiece) -> dict[str, Any]:
    function = {"name": piece.name, "arguments": ""}
    return {"id": piece.id, "type": "function", "function": function}


def _head(call: Call, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{call.id}",
        "object": kind,
        "created": call.received_us // 1_000_000,
        "model": call.endpoint,
    }


def _event(document: Any) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"
