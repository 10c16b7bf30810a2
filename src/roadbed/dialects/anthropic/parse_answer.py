"""What comes back: an answer read just far enough to record and to translate it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from roadbed.core.errors import Truncated
from roadbed.core.secret import Secret
from roadbed.dialects.anthropic.errors import DIALECT, in_band
from roadbed.dialects.decoding import Odd, believed, count_of, decoded
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.inference.chat import ChatRequest

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
}
_COUNTS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens",
    "cache_creation_input_tokens", "cache_creation", "output_tokens_details",
)  # fmt: skip


_DELTAS = frozenset(
    f"{kind}_delta"
    for kind in ("text", "thinking", "signature", "citations", "input_json")
)


class _Message(msgspec.Struct):
    model: str | None = None
    content: list[dict[str, Any]] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: dict[str, Any] | None = None
    delta: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


_MESSAGE = msgspec.json.Decoder(_Message)
_EVENT = msgspec.json.Decoder(_Event)


class Answer:
    """What the provider has said so far. A `dialects.base.Reader`.

    `key` is ours, which no error may repeat.
    """

    def __init__(self, request: ChatRequest, key: Secret | None = None) -> None:
        self.key = key
        self.done = False
        self.served = ""
        self._reason: str | None = None
        self._stop = ""
        self._counts: dict[str, Any] = {}
        self._tools: dict[int, _Open] = {}

    def whole(self, data: bytes) -> Chunk:
        """Return the one chunk of an answer that was not streamed."""
        message = decoded(_MESSAGE, data, _ODD)
        if message.error:
            raise in_band(message.error, self.key)
        if message.content is None:
            raise _ODD.error()
        self._take(message)
        if self._reason is None:
            raise Truncated("the provider's answer has no stop_reason")
        return self._end(data, **_said(message.content))

    def event(self, name: str, data: bytes) -> Chunk | None:
        """Return the chunk of one event; that of `message_stop` has the finish."""
        event = decoded(_EVENT, data, _ODD)
        if event.type == "error" or name == "error":
            raise in_band(event.error, self.key)
        kind = event.type if event.type.isidentifier() else "unknown"
        raw = b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
        if kind == "message_stop":
            if self._reason is None:
                raise Truncated("the provider ended its answer without a stop_reason")
            self.done = True
            return self._end(raw)
        said = self._hear(event)
        return Chunk(**said, served=self.served, raw=raw, dialect=DIALECT)

    def _end(self, raw: bytes, **said: Any) -> Chunk:
        return Chunk(
            **said,
            usage=believed(usage_in(self._counts)) if self._counts else None,
            finish=FINISHES.get(self._reason or "", "stop"),
            stop=self._stop,
            served=self.served,
            raw=raw,
            dialect=DIALECT,
        )

    def _take(self, message: _Message) -> None:
        self.served = message.model or self.served
        self._reason = message.stop_reason or self._reason
        self._stop = message.stop_sequence or self._stop
        self._count(message.usage)

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Take in *usage*: each count is the total so far, and null says nothing."""
        for name in _COUNTS if usage else ():
            if (value := (usage or {}).get(name)) is not None:
                self._counts[name] = value

    def _hear(self, event: _Event) -> dict[str, Any]:
        """Take in what *event* says, and return the fields of a chunk that says it."""
        match event.type:
            case "message_start" if event.message is not None:
                self._take(event.message)
            case "message_delta":
                delta = event.delta or {}
                self._reason = _text(delta, "stop_reason") or self._reason
                self._stop = _text(delta, "stop_sequence") or self._stop
                self._count(event.usage)
            case "content_block_start" if event.content_block is not None:
                return self._open(event.index, event.content_block)
            case "content_block_delta":
                return self._more(event.index, event.delta)
            case "content_block_stop":
                return self._close(event.index)
        return {}

    def _open(self, index: int, block: dict[str, Any]) -> dict[str, Any]:
        if block.get("type") != "tool_use":
            return _said([block])
        self._tools[index] = _Open(len(self._tools), block.get("input"))
        piece = _head(self._tools[index].number, block)
        return {"tools": (piece,)}

    def _more(self, index: int, delta: dict[str, Any] | None) -> dict[str, Any]:
        """Return what *delta* says: nothing if its type came after our time.

        Without what its type promises it is no delta: a piece of the answer is lost.
        """
        match delta:
            case {"type": "text_delta", "text": str(text)}:
                return {"text": text}
            case {"type": "thinking_delta", "thinking": str(text)}:
                return {"thinking": text}
            case {"type": "signature_delta", "signature": str(text)}:
                return {"signature": text}
            case {"type": "citations_delta", "citation": dict(citation)}:
                return {"annotations": _citations([citation])}
            case {"type": "input_json_delta", "partial_json": str(text)}:
                return self._arguments(index, text)
            case {"type": str(kind)} if kind not in _DELTAS:
                return {}
        raise _ODD.error()

    def _arguments(self, index: int, text: str) -> dict[str, Any]:
        tool = self._tools.get(index)
        if tool is None or not text:
            return {}
        tool.heard = True
        return {"tools": (ToolPiece(index=tool.number, arguments=text),)}

    def _close(self, index: int) -> dict[str, Any]:
        """Say the input that stood in the block itself, if none came after it."""
        tool = self._tools.get(index)
        if tool is None or tool.heard:
            return {}
        tool.heard = True
        piece = ToolPiece(index=tool.number, arguments=_encoded(tool.input))
        return {"tools": (piece,)}


class _Open:
    """A tool's block that is open: which one it is, and whether its input came."""

    __slots__ = ("heard", "input", "number")

    def __init__(self, number: int, given: Any) -> None:
        self.number, self.input, self.heard = number, given, False


def usage_in(counts: Mapping[str, Any]) -> Usage:
    """Return the tokens in Anthropic's *counts*.

    Its `input_tokens` are those that no cache had, or was given; ours are all.
    """
    read = count_of(counts.get("cache_read_input_tokens"))
    written = count_of(counts.get("cache_creation_input_tokens"))
    creation, details = (
        value if isinstance(value := counts.get(name), dict) else {}
        for name in ("cache_creation", "output_tokens_details")
    )
    hour = count_of(creation.get("ephemeral_1h_input_tokens"))
    written = max(written, hour + count_of(creation.get("ephemeral_5m_input_tokens")))
    return Usage(
        input_tokens=count_of(counts.get("input_tokens")) + read + written,
        output_tokens=count_of(counts.get("output_tokens")),
        cached_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        reasoning_tokens=count_of(details.get("thinking_tokens")),
    )


def _said(content: list[dict[str, Any]]) -> dict[str, Any]:
    thoughts = [b for b in content if b.get("type") == "thinking"]
    texts = [b for b in content if b.get("type") == "text"]
    tools = [b for b in content if b.get("type") == "tool_use"]
    return {
        "text": "".join(_text(block, "text") for block in texts),
        "thinking": "".join(_text(block, "thinking") for block in thoughts),
        "signature": next((_text(b, "signature") for b in reversed(thoughts)), ""),
        "tools": tuple(
            _head(at, block, _encoded(block.get("input")))
            for at, block in enumerate(tools)
        ),
        "annotations": tuple(
            annotation
            for block in texts
            for annotation in _citations(block.get("citations"))
        ),
    }


def _head(number: int, block: Mapping[str, Any], arguments: str = "") -> ToolPiece:
    id_, name = _text(block, "id"), _text(block, "name")
    return ToolPiece(index=number, id=id_, name=name, arguments=arguments)


def _encoded(given: Any) -> str:
    return msgspec.json.encode(given or {}).decode()


def _text(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""


def _citations(citations: Any) -> tuple[dict[str, Any], ...]:
    """Return the citations as annotations: of pages in the web, and of documents."""
    found = []
    for citation in citations if isinstance(citations, list) else ():
        match citation:
            case {"url": str(url)}:
                page = {"url": url, "title": str(citation.get("title") or "")}
                found.append({"type": "url_citation", "url_citation": page})
            case {"type": str()}:
                found.append({**citation, "type": "file_citation"})
    return tuple(found)


_ODD = Odd(
    "one of the Messages API",
    "check that base_url is the address of Anthropic's API, without /v1",
)
