"""What comes back: an answer read just far enough to record it."""

from typing import Any

import msgspec

from roadbed.adapters.providers.openai.failures import in_band
from roadbed.core.errors import ProviderError, Truncated
from roadbed.core.secret import Secret
from roadbed.inference.call import Chunk, Usage


class _Tokens(msgspec.Struct):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Any = None

    def usage(self) -> Usage:
        details = self.prompt_tokens_details
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        return Usage(
            input_tokens=_count(self.prompt_tokens),
            output_tokens=_count(self.completion_tokens),
            cached_tokens=_count(cached),
        )


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: Any = None
    tool_calls: list[_ToolCall] | None = None
    annotations: list[dict[str, Any]] | None = None

    def text(self) -> str:
        if isinstance(self.content, list):
            parts = [p.get("text") for p in self.content if isinstance(p, dict)]
            return "".join(p for p in parts if isinstance(p, str))
        return self.content if isinstance(self.content, str) else ""


class _Choice(msgspec.Struct):
    index: int | None = None
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: _Tokens | None = None
    error: Any = None


class Answer:
    """What the provider has said so far: the first choice, as text and tool calls."""

    def __init__(self, wants_usage: bool, key: Secret | None = None) -> None:
        self.wants_usage = wants_usage
        self.key = key
        self.done = False
        self.usage: Usage | None = None
        self.reason: str | None = None
        self.served = ""
        self.calls: dict[int, dict[str, Any]] = {}

    def whole(self, data: bytes) -> Chunk:
        """Return the one chunk of an answer that was not streamed."""
        body = _read(data)
        text, annotations = self._take(body)
        if self.reason is None:
            raise Truncated("the provider's answer has no finish_reason")
        return Chunk(
            text=text,
            annotations=(*annotations, *self.calls.values()),
            usage=self.usage,
            finish=self.reason,
            served=self.served,
            raw=data,
        )

    def event(self, data: bytes) -> Chunk | None:
        """Return the chunk of one event, or None if the caller did not ask for it.

        The chunk of the terminal marker has the finish and the usage.
        """
        raw = b"data: " + data + b"\n\n"
        if data.strip() == b"[DONE]":
            return self._done(raw)
        body = _read(data)
        text, annotations = self._take(body)
        if body.usage is not None and not body.choices and not self.wants_usage:
            return None
        return Chunk(text=text, annotations=annotations, served=self.served, raw=raw)

    def _done(self, raw: bytes) -> Chunk:
        if self.reason is None:
            raise Truncated("the provider ended its answer without a finish_reason")
        self.done = True
        return Chunk(
            annotations=tuple(self.calls.values()),
            usage=self.usage,
            finish=self.reason,
            served=self.served,
            raw=raw,
        )

    def _take(self, body: _Body) -> tuple[str, tuple[dict[str, Any], ...]]:
        if body.error:
            raise in_band(body.error, self.key)
        self.served = body.model or self.served
        if body.usage is not None:
            self.usage = body.usage.usage()
        text, annotations = "", list[dict[str, Any]]()
        for choice in body.choices or ():
            message = choice.message or choice.delta
            if choice.index:
                continue
            self.reason = choice.finish_reason or self.reason
            if message is not None:
                text += message.text()
                annotations += message.annotations or ()
                self._take_calls(message.tool_calls or ())
        return text, tuple(annotations)

    def _take_calls(self, calls: Any) -> None:
        for at, call in enumerate(calls):
            empty = {"type": "tool_call", "id": "", "name": "", "arguments": ""}
            seen = self.calls.setdefault(
                at if call.index is None else call.index, empty
            )
            seen["id"] = call.id or seen["id"]
            if call.function is not None:
                seen["name"] = call.function.name or seen["name"]
                seen["arguments"] += call.function.arguments or ""


_BODY = msgspec.json.Decoder(_Body)


def _count(value: Any) -> int:
    """Return a number of tokens; what cannot be one counts for none."""
    whole = isinstance(value, int | float) and 0 <= value < 2**53
    return int(value) if whole else 0


def _read(data: bytes) -> _Body:
    try:
        return _BODY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        cut = str(error) == "Input data was truncated"
    if cut:
        raise Truncated("the provider's answer stops in the middle")
    raise ProviderError(
        "the provider's answer is not a chat completion",
        hint="check that base_url is the address of an OpenAI-compatible API",
    )
