"""A call as a line of a file that answers can be replayed from."""

from typing import Any

import msgspec


class RecordedUsage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Tokens, as the provider counted them then."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


class RecordedTool(msgspec.Struct, kw_only=True):
    """A call of a tool that the model wanted; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str = "{}"


class RecordedAnswer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What was answered. `finish` is a word of `conversation.Finish`."""

    text: str = ""
    finish: str = "stop"
    tool_calls: list[RecordedTool] = []
    annotations: list[dict[str, Any]] = []
    usage: RecordedUsage | None = None
    served: str = ""


class RecordedCall(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One line: a question as `asking.asked_of` has it, and its answer.

    `call` and `endpoint` say where it is from, and answer nothing.
    """

    asked: dict[str, Any]
    answer: RecordedAnswer
    call: str = ""
    endpoint: str = ""


_ENCODE = msgspec.json.Encoder(order="deterministic").encode


def line_of(call: RecordedCall) -> bytes:
    """Return *call* as one line, its end included."""
    return _ENCODE(call) + b"\n"
