"""What comes back: an answer read just far enough to record it."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

from roadbed.core.errors import Truncated
from roadbed.core.secret import Secret
from roadbed.dialects.decoding import Odd, believed, count_of, decoded
from roadbed.dialects.openai.errors import DIALECT, in_band
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.inference.chat import ChatRequest


class _Tokens(msgspec.Struct):
    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Any = None
    completion_tokens_details: Any = None

    def usage(self) -> Usage:
        return Usage(
            input_tokens=count_of(self.prompt_tokens),
            output_tokens=count_of(self.completion_tokens),
            cached_tokens=_detail(self.prompt_tokens_details, "cached_tokens"),
            cache_write_tokens=_detail(
                self.prompt_tokens_details, "cache_write_tokens"
            ),
            reasoning_tokens=_detail(
                self.completion_tokens_details, "reasoning_tokens"
            ),
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
    refusal: Any = None
    reasoning_content: Any = None
    tool_calls: list[_ToolCall] | None = None
    annotations: list[dict[str, Any]] | None = None

    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        if isinstance(self.content, list):
            parts = [p.get("text") for p in self.content if isinstance(p, dict)]
            return "".join(p for p in parts if isinstance(p, str))
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        raise _ODD.error()


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
    """What the provider has said so far, of its first choice.

    A `dialects.base.Reader`. `key` is ours, which no error may repeat.
    """

    def __init__(self, request: ChatRequest, key: Secret | None = None) -> None:
        self.wants_usage = request.wants_usage
        self.key = key
        self.done = False
        self.usage: Usage | None = None
        self.reason: str | None = None
        self.served = ""

    def whole(self, data: bytes) -> Chunk:
        """Return the one chunk of an answer that was not streamed."""
        body = decoded(_BODY, data, _ODD)
        said = self._take(body)
        if self.reason is None:
            raise Truncated("the provider's answer has no finish_reason")
        return Chunk(
            **said,
            usage=self.usage,
            finish=_FINISHES.get(self.reason, self.reason),
            served=self.served,
            raw=data,
            dialect=DIALECT,
        )

    def event(self, name: str, data: bytes) -> Chunk | None:
        """Return the chunk of one event, or None if the caller did not ask for it.

        The chunk of the terminal marker has the finish and the usage.
        """
        raw = b"data: " + data + b"\n\n"
        if data.strip() == b"[DONE]":
            return self._done(raw)
        body = decoded(_BODY, data, _ODD)
        said = self._take(body)
        if body.usage is not None and not body.choices and not self.wants_usage:
            return None
        return Chunk(**said, served=self.served, raw=raw, dialect=DIALECT)

    def run(
        self, events: Sequence[tuple[str, bytes]], at: int
    ) -> tuple[Chunk | None, int]:
        """Return one chunk of the plain text from *at* on, and where it ends.

        What is anything else, or wrong, is left for `event`; so is a single one.
        """
        texts, served = [], self.served
        for _, data in islice(events, at, None):
            try:
                body = _BODY.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                break
            text = _plain_text(body)
            if text is None:
                break
            served = body.model or served
            texts.append(text)
        end = at + len(texts)
        if not any(texts):
            return None, at
        self.served = served
        raw = b"\n\ndata: ".join([data for _, data in islice(events, at, end)])
        return Chunk(
            text="".join(texts),
            served=served,
            raw=b"data: " + raw + b"\n\n",
            dialect=DIALECT,
        ), end

    def _done(self, raw: bytes) -> Chunk:
        if self.reason is None:
            raise Truncated("the provider ended its answer without a finish_reason")
        self.done = True
        return Chunk(
            usage=self.usage,
            finish=_FINISHES.get(self.reason, self.reason),
            served=self.served,
            raw=raw,
            dialect=DIALECT,
        )

    def _take(self, body: _Body) -> dict[str, Any]:
        """Take in what *body* says, and return the fields of a chunk that says it."""
        if body.error:
            raise in_band(body.error, self.key)
        self.served = body.model or self.served
        if body.usage is not None:
            self.usage = believed(body.usage.usage())
        for first in body.choices or ():
            if not first.index:
                break
        else:
            return {}
        self.reason = first.finish_reason or self.reason
        message = first.message or first.delta
        return {} if message is None else _said(message)


def _said(message: _Message) -> dict[str, Any]:
    said: dict[str, Any] = {"text": message.text()}
    if isinstance(message.reasoning_content, str):
        said["thinking"] = message.reasoning_content
    if isinstance(message.refusal, str):
        said["refusal"] = message.refusal
    if calls := message.tool_calls:
        said["tools"] = tuple(_piece(at, call) for at, call in enumerate(calls))
    if message.annotations:
        said["annotations"] = tuple(message.annotations)
    return said


def _plain_text(body: _Body) -> str | None:
    """Return the text of an event that has only text, None of any other."""
    choices = body.choices
    if body.usage is not None or body.error or not choices or len(choices) != 1:
        return None
    first = choices[0]
    delta = first.delta
    if delta is None or first.index or first.message or first.finish_reason:
        return None
    other = delta.tool_calls or delta.refusal or delta.reasoning_content
    if other or delta.annotations or not isinstance(delta.content, str):
        return None
    return delta.content


def _piece(at: int, call: _ToolCall) -> ToolPiece:
    function = call.function or _Function()
    return ToolPiece(
        index=at if call.index is None else call.index,
        id=call.id or "",
        name=function.name or "",
        arguments=function.arguments or "",
    )


_FINISHES = {"function_call": "tool_calls"}
_BODY = msgspec.json.Decoder(_Body)


def _detail(details: Any, name: str) -> int:
    return count_of(details.get(name)) if isinstance(details, dict) else 0


_ODD = Odd(
    "a chat completion",
    "check that base_url is the address of an OpenAI-compatible API",
)
