"""What comes back: an answer of Converse, whole or event by event.

In a stream `messageStop` has the reason, and `metadata` after it the usage. A body
that ends well between the two is finished, and was not counted.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from roadbed.core.errors import ProviderError, Truncated
from roadbed.core.secret import Secret
from roadbed.dialects.bedrock.errors import refused, status_of
from roadbed.dialects.decoding import Odd, believed, count_of, decoded
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.inference.chat import ChatRequest

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
"""The reasons that end an answer; the others say that what there is makes no sense."""
_MALFORMED = frozenset({"malformed_model_output", "malformed_tool_use"})


class _Detail(msgspec.Struct, rename="camel"):
    ttl: Any = None
    input_tokens: Any = None


class _Tokens(msgspec.Struct, rename="camel"):
    input_tokens: Any = None
    output_tokens: Any = None
    cache_read_input_tokens: Any = None
    cache_write_input_tokens: Any = None
    cache_details: list[_Detail] | None = None

    def usage(self) -> Usage:
        """Return the usage; Bedrock counts what the cache saved beside the input."""
        read = count_of(self.cache_read_input_tokens)
        written = count_of(self.cache_write_input_tokens)
        hours = [
            count_of(d.input_tokens) for d in self.cache_details or () if d.ttl == "1h"
        ]
        return Usage(
            input_tokens=count_of(self.input_tokens) + read + written,
            output_tokens=count_of(self.output_tokens),
            cached_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=min(written, sum(hours)),
        )


class _ToolUse(msgspec.Struct, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Reasoned(msgspec.Struct):
    text: str | None = None
    signature: str | None = None


class _Reasoning(msgspec.Struct, rename="camel"):
    reasoning_text: _Reasoned | None = None
    text: str | None = None
    signature: str | None = None


class _Block(msgspec.Struct, rename="camel"):
    text: str | None = None
    tool_use: _ToolUse | None = None
    reasoning_content: _Reasoning | None = None
    image: Any = None


class _Message(msgspec.Struct):
    content: list[_Block] | None = None


class _Output(msgspec.Struct):
    message: _Message | None = None


class _Whole(msgspec.Struct, rename="camel"):
    output: _Output | None = None
    stop_reason: str | None = None
    usage: _Tokens | None = None


class _Event(msgspec.Struct, rename="camel"):
    content_block_index: int = 0
    start: _Block | None = None
    delta: _Block | None = None
    stop_reason: str | None = None
    usage: _Tokens | None = None


class Answer:
    """What the provider has said so far. A `dialects.base.Reader` that also `Ends`."""

    def __init__(self, request: ChatRequest, key: Secret | None = None) -> None:
        self.key = key
        self.done = False
        self.usage: Usage | None = None
        self.finish: str | None = None
        self._tools: dict[int, int] = {}
        self._read: Mapping[str, Callable[[_Event], Chunk | None]] = {
            "contentBlockStart": self._start,
            "contentBlockDelta": self._delta,
            "messageStop": self._stop,
            "metadata": self._metadata,
        }

    def whole(self, data: bytes) -> Chunk:
        """Return the one chunk of an answer that was not streamed."""
        body: _Whole = decoded(_WHOLE, data, _ODD)
        if body.stop_reason is None:
            raise Truncated("the provider's answer has no stopReason")
        message = body.output.message if body.output else None
        if message is None:
            raise _strange()
        blocks = message.content or []
        thoughts = [b.reasoning_content for b in blocks if b.reasoning_content]
        _refuse_pictures(blocks)
        return Chunk(
            text="".join(block.text or "" for block in blocks),
            thinking="".join(_thought(t) for t in thoughts),
            signature="".join(_signature(t) for t in thoughts),
            tools=_calls(blocks),
            usage=believed(body.usage.usage()) if body.usage else None,
            finish=_finish(body.stop_reason),
        )

    def event(self, name: str, data: bytes) -> Chunk | None:
        """Return the chunk of one event, None if it has nothing for the caller."""
        if read := self._read.get(name):
            return read(decoded(_EVENT, data, _ODD))
        if name == "error" or name.endswith("Exception"):
            raise refused(status_of(name), data, self.key)
        return None

    def end(self) -> Chunk | None:
        """Return the finish, if it was told and only the usage is missing."""
        return Chunk(finish=self.finish) if self.finish else None

    def _start(self, event: _Event) -> Chunk | None:
        if event.start is None:
            return None
        _refuse_pictures([event.start])
        if (call := event.start.tool_use) is None:
            return None
        at = self._tools.setdefault(event.content_block_index, len(self._tools))
        return Chunk(tools=(ToolPiece(index=at, id=call.tool_use_id, name=call.name),))

    def _delta(self, event: _Event) -> Chunk | None:
        if (block := event.delta) is None:
            raise _strange()
        _refuse_pictures([block])
        if block.tool_use is not None:
            return self._arguments(event.content_block_index, block.tool_use.input)
        thought = block.reasoning_content
        chunk = Chunk(
            text=block.text or "",
            thinking=_thought(thought) if thought else "",
            signature=_signature(thought) if thought else "",
        )
        return None if chunk == _NOTHING else chunk

    def _arguments(self, index: int, written: msgspec.Raw) -> Chunk:
        if index not in self._tools:
            raise ProviderError(
                "the provider wrote arguments for a tool it did not name"
            )
        piece: str = decoded(_TEXT, bytes(written), _ODD)
        return Chunk(tools=(ToolPiece(index=self._tools[index], arguments=piece),))

    def _stop(self, event: _Event) -> None:
        if event.stop_reason is None:
            raise Truncated("the provider ended its answer without a stopReason")
        self.finish = _finish(event.stop_reason)

    def _metadata(self, event: _Event) -> Chunk:
        if self.finish is None:
            raise Truncated("the provider ended its answer without a stopReason")
        self.done = True
        return Chunk(
            usage=believed(event.usage.usage()) if event.usage else None,
            finish=self.finish,
        )


def _calls(blocks: list[_Block]) -> tuple[ToolPiece, ...]:
    calls = [block.tool_use for block in blocks if block.tool_use]
    return tuple(
        ToolPiece(
            index=at,
            id=call.tool_use_id,
            name=call.name,
            arguments=bytes(call.input).decode(),
        )
        for at, call in enumerate(calls)
    )


def _thought(reasoning: _Reasoning) -> str:
    inside = reasoning.reasoning_text
    return (inside.text if inside else reasoning.text) or ""


def _signature(reasoning: _Reasoning) -> str:
    inside = reasoning.reasoning_text
    return (inside.signature if inside else reasoning.signature) or ""


def _refuse_pictures(blocks: list[_Block]) -> None:
    if any(block.image is not None for block in blocks):
        raise ProviderError("the model answered with a picture, which has no place")


def _strange() -> ProviderError:
    return ProviderError(f"the provider's answer is not {_ODD.what}")


def _finish(reason: str) -> str:
    if reason in FINISHES:
        return FINISHES[reason]
    if reason in _MALFORMED:
        raise refused(424, b"", None)
    raise ProviderError(f"the provider stopped for an unknown reason: {reason[:64]}")


_NOTHING = Chunk()
_ODD = Odd("one of Converse")
_WHOLE = msgspec.json.Decoder(_Whole)
_EVENT = msgspec.json.Decoder(_Event)
_TEXT = msgspec.json.Decoder(str)
