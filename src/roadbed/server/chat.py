"""OpenAI chat completions: read the request, show the answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from roadbed.inference.call import Call, Chunk, Usage
from roadbed.inference.chat import ChatRequest, read_messages
from roadbed.server.errors import Headers, Reply
from roadbed.server.exchange import Exchange
from roadbed.server.fields import read_fields, wrong

DIALECT = "openai"
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})

_JSON: Headers = ((b"content-type", b"application/json"),)
_EVENTS: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"),)
_DONE = b"data: [DONE]\n\n"
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool | None)


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_OPTIONS = msgspec.json.Decoder(_StreamOptions | None)


def read(body: bytes) -> tuple[str, ChatRequest]:
    """Return the model's name and the request; raise Invalid naming the field."""
    fields = read_fields(body)
    model = _field(fields, "model", _TEXT)
    if not model:
        raise wrong("model", "name the model: an endpoint of this server")
    stream = bool(_field(fields, "stream", _FLAG))
    options = _field(fields, "stream_options", _OPTIONS)
    if options is not None and not stream:
        raise wrong("stream_options", "stream_options needs stream: true")
    messages = _messages(fields)
    return model, ChatRequest(
        fields=fields,
        messages=messages,
        stream=stream,
        wants_usage=bool(options and options.include_usage),
    )


async def answer(exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]) -> None:
    """Write the answer to *call* as it comes, or whole, as the caller asked."""
    assert isinstance(call.request, ChatRequest)
    async with aclosing(chunks):
        if call.request.stream:
            await _stream(exchange, call, chunks)
        else:
            await _whole(exchange, call, chunks)


async def _stream(
    exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]
) -> None:
    view = EventView(call)
    async for chunk in chunks:
        data = view.show(chunk)
        if not data:
            continue
        if not exchange.streaming:
            await exchange.begin(_EVENTS)
        await exchange.write(data)
    if not exchange.streaming:
        await exchange.begin(_EVENTS)
    await exchange.end(view.last() + _DONE)


async def _whole(exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]) -> None:
    pieces = [chunk async for chunk in chunks]
    if len(pieces) == 1 and pieces[0].raw is not None:
        body = forward(pieces[0].raw, call.endpoint)
    else:
        body = msgspec.json.encode(completion(call, pieces))
    await exchange.reply(Reply(status=200, headers=_JSON, body=body))


class EventView:
    """Shows the pieces of one answer as events of an OpenAI stream."""

    def __init__(self, call: Call) -> None:
        assert isinstance(call.request, ChatRequest)
        self._wants_usage = call.request.wants_usage
        self._model = msgspec.Raw(msgspec.json.encode(call.endpoint))
        self._head = _head(call, "chat.completion.chunk")
        self._begun = False
        self._usage: Usage | None = None

    def show(self, chunk: Chunk) -> bytes:
        """Return the events that show *chunk*, or nothing."""
        if chunk.raw is not None:
            return self._forward(chunk.raw)
        self._usage = chunk.usage or self._usage
        delta: dict[str, Any] = {}
        if not self._begun:
            self._begun = True
            delta["role"] = "assistant"
        if chunk.text or "role" in delta:
            delta["content"] = chunk.text
        if citations := _citations(chunk):
            delta["annotations"] = citations
        if not delta and not chunk.finish:
            return b""
        if chunk.finish and delta:
            return self._event(delta, None) + self._event({}, chunk.finish)
        return self._event(delta, chunk.finish)

    def last(self) -> bytes:
        """Return the event with the usage, if it was asked for and is known."""
        if not self._wants_usage or self._usage is None:
            return b""
        return _event({**self._head, "choices": [], "usage": usage_of(self._usage)})

    def _event(self, delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event: dict[str, Any] = {**self._head, "choices": [choice]}
        if self._wants_usage:
            event["usage"] = None
        return _event(event)

    def _forward(self, raw: bytes) -> bytes:
        data = raw.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            return b""  # said only when the call is on record
        fields = _FIELDS.decode(data)
        counted = not self._wants_usage and fields.pop("usage", None) is not None
        if counted and bytes(fields.get("choices", msgspec.Raw(b""))) == b"[]":
            return b""
        fields["model"] = self._model
        return _event(fields)


def forward(raw: bytes, endpoint: str) -> bytes:
    """Return a provider's whole answer, its `model` shown as *endpoint*."""
    fields = _FIELDS.decode(raw)
    fields["model"] = msgspec.Raw(msgspec.json.encode(endpoint))
    return msgspec.json.encode(fields)


def completion(call: Call, pieces: list[Chunk]) -> dict[str, Any]:
    """Return a whole completion, made from the pieces of a provider without raws."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(p.text for p in pieces),
        "refusal": None,
    }
    if citations := [a for p in pieces for a in _citations(p)]:
        message["annotations"] = citations
    finish = next((p.finish for p in reversed(pieces) if p.finish), None)
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    whole = {**_head(call, "chat.completion"), "choices": [choice]}
    usage = next((p.usage for p in reversed(pieces) if p.usage), None)
    if usage is not None:
        whole["usage"] = usage_of(usage)
    return whole


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return *usage* as OpenAI counts it: cached tokens are part of the prompt's."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def model_document(name: str, created: int = 0) -> dict[str, Any]:
    """Return one entry of the list of models."""
    return {"id": name, "object": "model", "created": created, "owned_by": "roadbed"}


def _citations(chunk: Chunk) -> list[dict[str, Any]]:
    return [a for a in chunk.annotations if a.get("type") != "tool_call"]


def _head(call: Call, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{call.id}",
        "object": kind,
        "created": call.received_us // 1_000_000,
        "model": call.endpoint,
    }


def _event(document: Any) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def _messages(fields: dict[str, msgspec.Raw]) -> Any:
    raw = fields.get("messages")
    if raw is None:
        raise wrong("messages", "messages is missing")
    try:
        messages = read_messages(raw)
    except RecursionError:
        raise wrong("messages", "messages nests too deeply") from None
    except msgspec.DecodeError as error:
        raise wrong("messages", f"messages: {str(error)[:200]}") from None
    if not messages:
        raise wrong("messages", "messages is empty")
    for at, message in enumerate(messages):
        if message.role not in ROLES:
            known = ", ".join(sorted(ROLES))
            raise wrong(
                f"messages[{at}].role",
                f"messages[{at}]: no role is called {message.role[:40]!r}",
                f"one of {known}",
            )
    return messages


def _field(
    fields: dict[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[Any]
) -> Any:
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise wrong(name, f"{name}: {str(error)[:200]}") from None
