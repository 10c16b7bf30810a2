"""OpenAI Responses: the items of an input, as turns of a conversation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import wrong
from roadbed.dialects.openai.parse_request import image_of
from roadbed.inference.conversation import (
    Image,
    Part,
    Role,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)

Item = Mapping[str, Any]

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_KEPT = "only OpenAI keeps what it said before; send the items themselves"


def turns_of(items: str | Sequence[Item]) -> list[Turn]:
    """Return the turns of an input; raise Invalid naming the item that is wrong.

    What the assistant thought, said and wanted called in a row is one turn, and so
    are the results of tools in a row. Two messages in a row are two turns.
    """
    if isinstance(items, str):
        return [Turn(role="user", parts=(Text(text=items),))]
    turns: list[Turn] = []
    before = ""
    for at, item in enumerate(items):
        where = f"input[{at}]"
        kind = kind_of(item)
        turn = _READ.get(kind, _refuse)(where, item)
        if _goes_on(before, kind) and turns and turns[-1].role == turn.role:
            turn = Turn(role=turn.role, parts=turns.pop().parts + turn.parts)
        turns.append(turn)
        before = kind
    return turns


def kind_of(item: Item) -> str:
    """Return the type of an item; the short form of a message does not name it."""
    kind = item.get("type")
    if kind is None:
        return "message" if "role" in item else "item_reference"
    return kind if isinstance(kind, str) else str(kind)


def _goes_on(before: str, kind: str) -> bool:
    """Say whether an item may belong to the turn of the one before it."""
    results = (before == _RESULT) + (kind == _RESULT)
    if results:
        return results == 2
    return (before, kind) != ("message", "message")


def _message(where: str, item: Item) -> Turn:
    role = item.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        known = ", ".join(_ROLES)
        text = f"{where}: no role is called {str(role)[:40]!r}"
        raise wrong(f"{where}.role", text, f"one of {known}")
    content = item.get("content")
    return Turn(role=_ROLES[role], parts=tuple(_parts(f"{where}.content", content)))


def _function_call(where: str, item: Item) -> Turn:
    called = ToolUse(
        id=_text(where, item, "call_id"),
        name=_text(where, item, "name"),
        arguments=_text(where, item, "arguments") or "{}",
    )
    return Turn(role="assistant", parts=(called,))


def _function_result(where: str, item: Item) -> Turn:
    parts = _parts(f"{where}.output", item.get("output"))
    plain = tuple(part for part in parts if isinstance(part, Text | Image))
    result = ToolResult(id=_text(where, item, "call_id"), parts=plain)
    return Turn(role="user", parts=(result,))


def _reasoning(where: str, item: Item) -> Turn:
    texts = texts_of(item.get("summary")) or texts_of(item.get("content"))
    proof = item.get("encrypted_content")
    signature = proof if isinstance(proof, str) else ""
    thought = Thinking(text="\n\n".join(texts), signature=signature)
    return Turn(role="assistant", parts=(thought,))


def _reference(where: str, item: Item) -> Turn:
    raise wrong(where, f"{where}: this model cannot look up an item_reference", _KEPT)


def _refuse(where: str, item: Item) -> Turn:
    kind = kind_of(item)[:40]
    raise wrong(
        f"{where}.type", f"{where}: this model is not given items of type {kind!r}"
    )


_RESULT = "function_call_output"
_READ: Mapping[str, Callable[[str, Item], Turn]] = {
    "message": _message,
    "function_call": _function_call,
    _RESULT: _function_result,
    "reasoning": _reasoning,
    "item_reference": _reference,
}


def texts_of(parts: Any) -> list[str]:
    """Return the texts of the parts of a thought."""
    found = [p.get("text") for p in parts or () if isinstance(p, dict)]
    return [text for text in found if isinstance(text, str)]


def _text(where: str, item: Item, name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise wrong(f"{where}.{name}", f"{where}: {name} is a text, and must be there")
    return value


def _parts(where: str, content: Any) -> list[Part]:
    if isinstance(content, str):
        return [Text(text=content)]
    if not isinstance(content, list):
        raise wrong(where, f"{where} is a text, or a list of parts")
    return [_part(f"{where}[{at}]", part) for at, part in enumerate(content)]


def _part(where: str, part: Any) -> Part:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return Text(text=text)
        case {"type": "refusal", "refusal": str(text)}:
            return Text(text=text)
        case {"type": "input_image", "image_url": str(url)}:
            return image_of(url, str(part.get("detail") or ""))
        case {"type": "input_image"}:
            raise _by_id(where, "image")
        case {"type": str(kind)}:
            text = f"{where}: this model is not given parts of type {kind[:40]!r}"
            raise wrong(where, text)
    raise wrong(where, f"{where} is a part, an object with a `type`")


def _by_id(where: str, what: str) -> Invalid:
    return wrong(
        where,
        f"{where}: this model is given no {what} by file_id",
        f"send the {what} itself, as a URL or a data URL",
    )
