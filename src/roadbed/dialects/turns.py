"""What stricter dialects need of a conversation: turns that alternate, JSON that is."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from roadbed.dialects.fields import wrong
from roadbed.inference.conversation import Part, Text, Thinking, ToolUse, Turn

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_INVALID = "INVALID_JSON"
"""Under this name stands what should have been the JSON object of a tool's input."""


def alternating(turns: Sequence[Turn]) -> list[Turn]:
    """Return *turns* with neighbours of one role joined, and without what is empty.

    A thought that nobody can prove is empty too. Raises Invalid if nothing is left.
    """
    found: list[Turn] = []
    for turn in turns:
        parts = tuple(part for part in turn.parts if not _is_empty(part))
        if found and found[-1].role == turn.role:
            found[-1] = Turn(role=turn.role, parts=(*found[-1].parts, *parts))
        elif parts:
            found.append(Turn(role=turn.role, parts=parts))
    if not found:
        raise wrong("messages", "this model wants a message of the user's")
    return found


def _is_empty(part: Part) -> bool:
    if isinstance(part, Thinking):
        return not part.signature
    return isinstance(part, Text) and not part.text


def arguments_of(use: ToolUse) -> Any:
    """Return the arguments of *use* as they stand; what is no object goes into one.

    A model may have written them badly; it is shown what it wrote all the same.
    """
    written = use.arguments or "{}"
    try:
        _OBJECT.decode(written)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {_INVALID: written}
    return Raw(written.encode())


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return *values* without those that say nothing: None, and what is empty."""
    return {k: v for k, v in values.items() if v is not None and v not in ({}, [], "")}
