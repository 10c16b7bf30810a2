"""OpenAI Responses: an upstream's answer, read just far enough to record it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from roadbed.core.errors import Truncated
from roadbed.core.secret import Secret
from roadbed.dialects.decoding import Odd, believed, count_of, decoded
from roadbed.dialects.openai.errors import in_band
from roadbed.dialects.responses.annotations import nested
from roadbed.dialects.responses.describe import DIALECT
from roadbed.dialects.responses.items import texts_of
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.inference.chat import ChatRequest

_SHORT = {"max_output_tokens": "length", "content_filter": "content_filter"}


class _Tokens(msgspec.Struct):
    input_tokens: Any = None
    output_tokens: Any = None
    input_tokens_details: Any = None
    output_tokens_details: Any = None

    def usage(self) -> Usage:
        return Usage(
            input_tokens=count_of(self.input_tokens),
            output_tokens=count_of(self.output_tokens),
            cached_tokens=_detail(self.input_tokens_details, "cached_tokens"),
            cache_write_tokens=_detail(self.input_tokens_details, "cache_write_tokens"),
            reasoning_tokens=_detail(self.output_tokens_details, "reasoning_tokens"),
        )


class _Response(msgspec.Struct):
    status: str | None = None
    model: str | None = None
    output: list[dict[str, Any]] | None = None
    usage: _Tokens | None = None
    error: Any = None
    incomplete_details: Any = None


class _Event(msgspec.Struct):
    type: str = ""
    response: _Response | None = None
    item: dict[str, Any] | None = None
    output_index: int = 0
    summary_index: int = 0
    delta: Any = None
    arguments: Any = None
    annotation: Any = None
    error: Any = None
    code: Any = None
    message: Any = None


class Answer:
    """What the provider has said so far. A `dialects.base.Reader`."""

    def __init__(self, request: ChatRequest, key: Secret | None = None) -> None:
        self.key = key
        self.done = False
        self.served = ""
        self._refused = False
        self._tools: dict[int, list[int]] = {}

    def whole(self, data: bytes) -> Chunk:
        """Return the one chunk of an answer that was not streamed."""
        body: _Response = decoded(_WHOLE, data, _ODD)
        if body.status is None and body.error:
            raise in_band(body.error, self.key)
        ended = self._ended(body)
        said = _Said(body.output or ())
        return Chunk(
            text="".join(said.text),
            thinking="".join(said.thought),
            signature=said.proof,
            refusal="".join(said.refusal),
            tools=tuple(said.tools),
            annotations=tuple(said.annotations),
            raw=data,
            dialect=DIALECT,
            **ended,
        )

    def event(self, name: str, data: bytes) -> Chunk:
        """Return the chunk of one event; only the terminal one has the finish."""
        body: _Event = decoded(_EVENT, data, _ODD)
        kind = body.type or name
        if kind == "error":
            plain = {"message": body.message, "code": body.code, "type": "error"}
            raise in_band(body.error or plain, self.key)
        raw = b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
        said: dict[str, Any] = {}
        if kind in _TERMINAL:
            said = self._ended(body.response or _Response())
            self.done = True
        elif (read := _READ.get(kind)) is not None:
            if kind.endswith(".delta") and not isinstance(body.delta, str):
                raise _ODD.error()
            said = read(self, body)
        if body.response is not None:
            self.served = body.response.model or self.served
        return Chunk(**{"served": self.served, **said}, raw=raw, dialect=DIALECT)

    def _ended(self, body: _Response) -> dict[str, Any]:
        """Return finish, usage and model of a response that has ended.

        Raises what went wrong if it failed, and Truncated if it goes on elsewhere.
        """
        if body.status == "failed":
            raise in_band(body.error or {}, self.key)
        self.served = body.model or self.served
        usage = believed(body.usage.usage()) if body.usage else None
        return {"finish": self._finish(body), "usage": usage, "served": self.served}

    def _finish(self, body: _Response) -> str:
        output = body.output or ()
        if body.status == "incomplete":
            details = body.incomplete_details
            reason = details.get("reason") if isinstance(details, dict) else None
            return _SHORT.get(str(reason), "length")
        if body.status != "completed":
            raise Truncated("the provider's answer does not say that it is finished")
        if self._tools or any(i.get("type") == "function_call" for i in output):
            return "tool_calls"
        if self._refused or any(_Said(output).refusal):
            return "refusal"
        return "stop"

    def _refusal(self, body: _Event) -> dict[str, Any]:
        self._refused = True
        return {"refusal": _text(body.delta)}

    def _next_thought(self, body: _Event) -> dict[str, Any]:
        return {"thinking": "\n\n"} if body.summary_index else {}

    def _added(self, body: _Event) -> dict[str, Any]:
        """Note a call that begins; its arguments follow, in pieces or at its end."""
        item = body.item or {}
        if item.get("type") != "function_call":
            return {}
        known = self._tools.setdefault(body.output_index, [len(self._tools), False])
        return {"tools": (_piece(item, known[0]),)}

    def _arguments(self, body: _Event) -> dict[str, Any]:
        known, text = self._tools.get(body.output_index), _text(body.delta)
        if known is None or not text:
            return {}
        known[1] = True
        return {"tools": (ToolPiece(index=known[0], arguments=text),)}

    def _item_done(self, body: _Event) -> dict[str, Any]:
        item = body.item or {}
        if item.get("type") == "reasoning":
            return {"signature": _text(item.get("encrypted_content"))}
        if item.get("type") != "function_call":
            return {}
        head = {} if body.output_index in self._tools else self._added(body)
        rest = self._whole_arguments(body.output_index, item.get("arguments"))
        return {"tools": (*head.get("tools", ()), *rest)}

    def _whole_arguments(self, at: int, arguments: Any) -> tuple[ToolPiece, ...]:
        """Return all arguments of a call if none came in pieces."""
        known, text = self._tools[at], _text(arguments)
        if known[1] or not text:
            return ()
        known[1] = True
        return (ToolPiece(index=known[0], arguments=text),)


_READ: Mapping[str, Callable[[Answer, _Event], dict[str, Any]]] = {
    "response.output_text.delta": lambda _, body: {"text": _text(body.delta)},
    "response.refusal.delta": Answer._refusal,
    "response.reasoning_summary_text.delta": lambda _, b: {"thinking": _text(b.delta)},
    "response.reasoning_text.delta": lambda _, body: {"thinking": _text(body.delta)},
    "response.reasoning.delta": lambda _, body: {"thinking": _text(body.delta)},
    "response.reasoning_summary_part.added": Answer._next_thought,
    "response.output_item.added": Answer._added,
    "response.output_item.done": Answer._item_done,
    "response.function_call_arguments.delta": Answer._arguments,
    "response.output_text.annotation.added": lambda _, body: (
        {"annotations": (nested(body.annotation),)}
        if isinstance(body.annotation, dict)
        else {}
    ),
}
_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})
_WHOLE = msgspec.json.Decoder(_Response)
_EVENT = msgspec.json.Decoder(_Event)


class _Said:
    """What the items of a whole output say."""

    def __init__(self, output: Sequence[Mapping[str, Any]]) -> None:
        self.text: list[str] = []
        self.thought: list[str] = []
        self.proofs: list[str] = []
        self.refusal: list[str] = []
        self.tools: list[ToolPiece] = []
        self.annotations: list[dict[str, Any]] = []
        for item in output:
            self._take(item)

    def _take(self, item: Mapping[str, Any]) -> None:
        kind = item.get("type")
        if kind == "message":
            for part in _objects(item.get("content")):
                self.text.append(_text(part.get("text")))
                self.refusal.append(_text(part.get("refusal")))
                notes = _objects(part.get("annotations"))
                self.annotations += [nested(note) for note in notes]
        elif kind == "function_call":
            arguments = _text(item.get("arguments"))
            self.tools.append(_piece(item, len(self.tools), arguments))
        elif kind == "reasoning":
            parts = item.get("summary") or item.get("content")
            self.thought.append("\n\n".join(texts_of(parts)))
            self.proofs.append(_text(item.get("encrypted_content")))

    @property
    def proof(self) -> str:
        """Return the proof of the one thought there is; of several none would hold."""
        return self.proofs[0] if len(self.proofs) == 1 else ""


def _piece(item: Mapping[str, Any], index: int, arguments: str = "") -> ToolPiece:
    return ToolPiece(
        index=index,
        id=_text(item.get("call_id")),
        name=_text(item.get("name")),
        arguments=arguments,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    listed = value if isinstance(value, list) else ()
    return [one for one in listed if isinstance(one, dict)]


def _detail(details: Any, name: str) -> int:
    return count_of(details.get(name)) if isinstance(details, dict) else 0


_ODD = Odd(
    "a response",
    "check that the server at base_url speaks OpenAI's Responses API, or "
    "write `responses: false` in the provider's config",
)
