"""Gemini: asking an upstream in it."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec.json import decode

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import wrong
from roadbed.dialects.gemini.ids import OURS
from roadbed.dialects.signatures import of_gemini
from roadbed.dialects.turns import alternating, arguments_of, without_none
from roadbed.inference.chat import Fields, raw_fields
from roadbed.inference.conversation import (
    Conversation,
    Image,
    Output,
    Part,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    said,
)

RESERVED = frozenset({"model", "contents", "systemInstruction", "stream"})
MERGED = frozenset({"generationConfig"})
_UNSIGNED = "skip_thought_signature_validator"
"""What Google asks for in the place of a signature that was lost on the way."""
_BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
"""Google's own table for `reasoning_effort`."""
_LEVELS = {"none": "minimal"}
_MODES = {"auto": "AUTO", "required": "ANY", "named": "ANY", "none": "NONE"}
_TYPES = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp"}


def write(asked: Conversation) -> Fields:
    """Return the fields that ask for *asked*; raise Invalid for what has no words."""
    return _write(asked, _level(asked.effort))


def write_with_budget(asked: Conversation) -> Fields:
    """Return the fields that ask for *asked* of a model before Gemini 3."""
    return _write(asked, _budget(asked.effort))


def stream(fields: Fields) -> Fields:
    """Return *fields*: the address asks for a stream, and every stream counts."""
    return fields


def prepend(fields: Fields, prompt: str) -> Fields:
    """Return *fields* with *prompt* before what the system says."""
    known: Any = decode(fields.get("systemInstruction", b"{}"))
    parts = [{"text": prompt}, *(known.get("parts") or ())]
    return {**fields, **raw_fields({"systemInstruction": {"parts": parts}})}


def _write(asked: Conversation, thinking: dict[str, Any]) -> Fields:
    system = asked.system
    return raw_fields(
        without_none(
            {
                "systemInstruction": {"parts": [{"text": system}]} if system else None,
                "contents": _contents(asked.spoken),
                "tools": _tools(asked.tools),
                "toolConfig": _choice(asked.choice) if asked.tools else None,
                "generationConfig": _config(asked) | thinking,
            }
        )
    )


def _config(asked: Conversation) -> dict[str, Any]:
    return without_none(
        {
            "maxOutputTokens": asked.max_tokens,
            "temperature": asked.temperature,
            "topP": asked.top_p,
            "topK": asked.top_k,
            "stopSequences": list(asked.stop),
            "seed": asked.seed,
        }
    ) | _output(asked.output)


def _level(effort: str) -> dict[str, Any]:
    level = _LEVELS.get(effort, effort)
    return {"thinkingConfig": {"thinkingLevel": level}} if level else {}


def _budget(effort: str) -> dict[str, Any]:
    if not effort:
        return {}
    if effort not in _BUDGETS:
        known = ", ".join(_BUDGETS)
        raise Invalid(
            f"no effort of reasoning is called {effort[:40]!r}", hint=f"one of {known}"
        )
    return {"thinkingConfig": {"thinkingBudget": _BUDGETS[effort]}}


def _output(output: Output | None) -> dict[str, Any]:
    if output is None:
        return {}
    shape = {} if output.schema is None else {"responseJsonSchema": output.schema}
    return {"responseMimeType": "application/json", **shape}


def _tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    declared = [
        without_none(
            {
                "name": tool.name,
                "description": tool.description,
                "parametersJsonSchema": dict(tool.schema),
            }
        )
        for tool in tools
    ]
    return [{"functionDeclarations": declared}] if declared else []


def _choice(choice: ToolChoice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    if choice.parallel is False and choice.mode != "none":
        raise Invalid(
            "this model may call several tools at once, and cannot be told not to",
            hint="do not ask for one call at a time",
        )
    config: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "named":
        config["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": config}


def _contents(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    names: dict[str, str] = {}
    found = []
    for turn in alternating(turns):
        uses = (part for part in turn.parts if isinstance(part, ToolUse))
        names |= {use.id: use.name for use in uses}
        role = "model" if turn.role == "assistant" else "user"
        parts = _signed(_parts(turn.parts, names), turn)
        if parts:
            found.append({"role": role, "parts": parts})
    return found


def _parts(parts: Sequence[Part], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the parts, each signature on the first part that follows its thought."""
    found, signature = [], ""
    for part in parts:
        if isinstance(part, Thinking):
            signature = of_gemini(part.signature) or signature
            continue
        written = _part(part, names)
        if signature:
            written["thoughtSignature"], signature = signature, ""
        found.append(written)
    return found


def _signed(parts: list[dict[str, Any]], turn: Turn) -> list[dict[str, Any]]:
    """Mark the first call of a tool if its signature is not known: one is wanted."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None and turn.role == "assistant":
        first.setdefault("thoughtSignature", _UNSIGNED)
    return parts


def _part(part: Part, names: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(part, Image):
        return image_of(part)
    if isinstance(part, ToolUse):
        known = {"name": part.name, "args": arguments_of(part)}
        return {"functionCall": {**_id(part.id), **known}}
    if isinstance(part, ToolResult):
        return {"functionResponse": _result(part, names)}
    return {"text": said((part,))}


def _result(result: ToolResult, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what a tool gave back, by the name under which it was called."""
    name = names.get(result.id, result.id)
    if not name:
        raise wrong(
            "tool_call_id", "a tool's result does not say which call it answers"
        )
    word = "error" if result.failed else "output"
    written = {**_id(result.id), "name": name, "response": {word: said(result.parts)}}
    pictures = [image_of(p) for p in result.parts if isinstance(p, Image)]
    return {**written, "parts": pictures} if pictures else written


def _id(identity: str) -> dict[str, str]:
    """Return the id of a call as a field; one that we invented says nothing there."""
    return {} if not identity or identity.startswith(OURS) else {"id": identity}


def image_of(image: Image) -> dict[str, Any]:
    """Return *image* as a part: its bytes, or where the provider may fetch it."""
    if image.data:
        kind = image.media_type or "image/png"
        return {"inlineData": {"mimeType": kind, "data": image.data}}
    ending = urlsplit(image.url).path.rpartition(".")[2].lower()
    kind = image.media_type or (f"image/{_TYPES[ending]}" if ending in _TYPES else "")
    return {"fileData": without_none({"mimeType": kind, "fileUri": image.url})}
