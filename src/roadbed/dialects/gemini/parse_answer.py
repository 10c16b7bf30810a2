"""What comes back: an answer of Gemini's, whole or chunk by chunk.

Each event of a stream is an answer of its own with the next pieces in it. A finish
reason may stand on every one of them, and usage is counted up on each; so the last
one holds, and an answer is finished when its body ends after one.
"""

from typing import Any

import msgspec

from roadbed.core.errors import ProviderError, Truncated
from roadbed.core.secret import Secret
from roadbed.dialects.decoding import Odd, believed, count_of, decoded
from roadbed.dialects.gemini.errors import Error, gave_up, refused
from roadbed.dialects.gemini.ids import new_id
from roadbed.dialects.signatures import marked_gemini
from roadbed.inference.call import Chunk, ToolPiece, Usage
from roadbed.inference.chat import ChatRequest

FINISHES = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "OTHER": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "ESCALATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
"""The reasons that end an answer; all others say that there is none."""


class _Tokens(msgspec.Struct, rename="camel"):
    prompt_token_count: Any = None
    candidates_token_count: Any = None
    thoughts_token_count: Any = None
    tool_use_prompt_token_count: Any = None
    cached_content_token_count: Any = None

    def usage(self) -> Usage:
        thought = count_of(self.thoughts_token_count)
        asked = count_of(self.prompt_token_count)
        return Usage(
            input_tokens=asked + count_of(self.tool_use_prompt_token_count),
            output_tokens=count_of(self.candidates_token_count) + thought,
            cached_tokens=count_of(self.cached_content_token_count),
            reasoning_tokens=thought,
        )


class _FunctionCall(msgspec.Struct):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _FunctionCall | None = None
    inline_data: Any = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    index: int | None = None
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Body(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Tokens | None = None
    model_version: str | None = None
    error: Error | None = None


class Answer:
    """What the provider has said so far, of its first candidate.

    A `dialects.base.Reader`, and one that `Ends`. No error repeats *key*.
    """

    def __init__(self, request: ChatRequest, key: Secret | None = None) -> None:
        self.key = key
        self.done = False
        self.tokens: _Tokens | None = None
        self.finish: str | None = None
        self.served = ""
        self.tools = 0

    def whole(self, data: bytes) -> Chunk:
        """Return the one chunk of an answer that was not streamed."""
        said = self._take(decoded(_BODY, data, _ODD))
        if self.finish is None:
            raise Truncated("the provider's answer has no finishReason")
        return Chunk(**said, **self._ending())

    def event(self, name: str, data: bytes) -> Chunk | None:
        """Return the chunk of one event. The last one is told by `end`."""
        said = self._take(decoded(_BODY, data, _ODD))
        return Chunk(**said, served=self.served) if said else None

    def end(self) -> Chunk | None:
        """Return the finish and the usage; None if no reason to finish was given."""
        if self.finish is None:
            return None
        self.done = True
        return Chunk(**self._ending())

    def _ending(self) -> dict[str, Any]:
        finish = "tool_calls" if self.finish == "stop" and self.tools else self.finish
        usage = believed(self.tokens.usage()) if self.tokens else None
        return {"usage": usage, "finish": finish, "served": self.served}

    def _take(self, body: _Body) -> dict[str, Any]:
        """Take in what *body* says, and return the fields of a chunk that says it."""
        if body.error is not None:
            raise refused(body.error, self.key)
        self.served = body.model_version or self.served
        self.tokens = body.usage_metadata or self.tokens
        blocked = body.prompt_feedback and body.prompt_feedback.block_reason
        if blocked and not body.candidates:
            self.finish = "content_filter"
            return {"refusal": f"The provider blocked the prompt ({blocked[:64]})."}
        first = next((c for c in body.candidates or () if not c.index), None)
        return {} if first is None else self._hear(first)

    def _hear(self, candidate: _Candidate) -> dict[str, Any]:
        if reason := candidate.finish_reason:
            if reason not in FINISHES:
                raise gave_up(reason)
            self.finish = FINISHES[reason]
        parts = candidate.content.parts if candidate.content else None
        return self._said(parts) if parts else {}

    def _said(self, parts: list[_Part]) -> dict[str, Any]:
        if any(part.inline_data is not None for part in parts):
            raise ProviderError("the model answered with a picture, which has no place")
        calls = [part.function_call for part in parts if part.function_call]
        said = {
            "text": "".join([p.text or "" for p in parts if not p.thought]),
            "thinking": "".join([p.text or "" for p in parts if p.thought]),
            "signature": _signature(parts),
            "tools": tuple(self._piece(call) for call in calls) if calls else (),
        }
        return {name: value for name, value in said.items() if value}

    def _piece(self, call: _FunctionCall) -> ToolPiece:
        at, self.tools = self.tools, self.tools + 1
        arguments = bytes(call.args).decode()
        return ToolPiece(
            index=at,
            id=call.id or new_id(),
            name=call.name,
            arguments="{}" if arguments == "null" else arguments,
        )


def _signature(parts: list[_Part]) -> str:
    """Return the signature among *parts*, marked as Gemini's own; a call's if any."""
    signed = [part for part in parts if part.thought_signature]
    if not signed:
        return ""
    found = next((part for part in signed if part.function_call), signed[0])
    return marked_gemini(found.thought_signature or "")


_BODY = msgspec.json.Decoder(_Body)
_ODD = Odd("one of Gemini's")
