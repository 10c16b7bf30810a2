"""What a call asks, in a form of which the same question always has the same name.

Two calls ask the same if a model could not tell them apart: the same turns, tools and
parameters, in whichever dialect they came, streamed or not, whoever asked.
"""

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from roadbed.core.digest import digest_of
from roadbed.inference.conversation import Conversation

_NOT_ASKED = ("user", "unsaid")


def asked_of(conversation: Conversation) -> dict[str, Any]:
    """Return what is asked as plain JSON, without what says no more than the default.

    Calls of tools are named in their order: clients and models make up their ids.
    """
    plain = _plain(conversation, _Renamed())
    return {name: value for name, value in plain.items() if name not in _NOT_ASKED}


def key_of(asked: dict[str, Any]) -> str:
    """Return the name of a question, `sha256:…`; raise Invalid if it can have none."""
    return digest_of(asked)


def question_of(asked: dict[str, Any]) -> str:
    """Return the text of the last turn of the user that has any, or an empty text."""
    turns = asked.get("turns")
    for turn in reversed(turns if isinstance(turns, list) else []):
        if isinstance(turn, dict) and turn.get("role") == "user":
            parts = turn.get("parts") or ()
            said = [p.get("text") for p in parts if p.get("part") == "Text"]
            if text := "\n".join(each for each in said if isinstance(each, str)):
                return text
    return ""


class _Renamed(dict[str, str]):
    """Numbers ids in the order in which they are first asked for."""

    def __missing__(self, name: str) -> str:
        self[name] = f"call-{len(self) + 1}"
        return self[name]


_PARTS = frozenset({"Text", "Image", "ToolUse", "ToolResult", "Thinking"})


def _plain(value: Any, renamed: _Renamed) -> Any:
    if isinstance(value, tuple):
        return [_plain(item, renamed) for item in value]
    if not is_dataclass(value):
        return value
    kind, plain = type(value).__name__, dict[str, Any]()
    if kind in _PARTS:
        plain["part"] = kind
    for each in fields(value):
        held = getattr(value, each.name)
        if held != _default(each):
            named = renamed[held] if each.name == "id" else held
            plain[each.name] = _plain(named, renamed)
    return plain


def _default(of: Field[Any]) -> Any:
    """Return what a field holds if nothing was said."""
    return of.default_factory() if of.default_factory is not MISSING else of.default
