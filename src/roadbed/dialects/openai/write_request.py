"""OpenAI chat completions: asking an upstream in it."""

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import decode, encode

from roadbed.core.errors import Invalid
from roadbed.inference.chat import raw_fields
from roadbed.inference.conversation import (
    Conversation,
    Image,
    Output,
    Part,
    Text,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
    said,
)

RESERVED = frozenset({"model", "messages", "stream", "stream_options"})


def stream(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return *fields*, asking for a stream which counts its tokens."""
    options = _decode(fields, "stream_options", dict | None, "an object") or {}
    counted = options | {"include_usage": True}
    return {**fields, **raw_fields({"stream": True, "stream_options": counted})}


def prepend(fields: Mapping[str, Raw], prompt: str) -> dict[str, Raw]:
    """Return *fields* with *prompt* as the first message, the others as written."""
    first = {"role": "system", "content": prompt}
    said = _decode(fields, "messages", list[Raw], "an array")
    return {**fields, "messages": Raw(encode([Raw(encode(first)), *said]))}


def _decode(fields: Mapping[str, Raw], name: str, shape: Any, rule: str) -> Any:
    try:
        return decode(fields.get(name, b"null"), type=shape)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid(f"{name} is {rule}") from None


def write(asked: Conversation) -> dict[str, Raw]:
    """Return the fields that ask for *asked*, without the model."""
    said_: dict[str, Any] = {
        "messages": [m for turn in asked.turns for m in messages_of(turn)],
        "max_completion_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "stop": list(asked.stop) or None,
        "seed": asked.seed,
        "reasoning_effort": asked.effort or None,
        "safety_identifier": asked.user or None,
        "tools": [_tool(t) for t in asked.tools] or None,
        **_choice(asked.choice),
    }
    if asked.output is not None:
        said_["response_format"] = _format(asked.output)
    return raw_fields({k: v for k, v in said_.items() if v is not None})


def messages_of(turn: Turn) -> list[dict[str, Any]]:
    """Return the messages of a turn: results of tools are messages of their own."""
    results = [p for p in turn.parts if isinstance(p, ToolResult)]
    found: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": r.id, "content": _content(r.parts)}
        for r in results
    ]
    spoken = tuple(p for p in turn.parts if isinstance(p, Text | Image))
    uses = [p for p in turn.parts if isinstance(p, ToolUse)]
    if spoken or uses or not results:
        message: dict[str, Any] = {"role": turn.role, "content": _content(spoken)}
        if uses:
            message["content"] = message["content"] or None
            message["tool_calls"] = [_use(use) for use in uses]
        found.append(message)
    return found


def _content(parts: tuple[Part, ...]) -> str | list[dict[str, Any]]:
    if all(isinstance(part, Text) for part in parts):
        return said(parts)
    return [_part(part) for part in parts]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Image):
        url = part.url or f"data:{part.media_type};base64,{part.data}"
        detail = {"detail": part.detail} if part.detail else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    return {"type": "text", "text": said((part,))}


def _use(use: ToolUse) -> dict[str, Any]:
    function = {"name": use.name, "arguments": use.arguments}
    return {"id": use.id, "type": "function", "function": function}


def _tool(tool: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.schema)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    word: Any = choice.mode
    if choice.mode == "named":
        word = {"type": "function", "function": {"name": choice.name}}
    return {"tool_choice": word, "parallel_tool_calls": choice.parallel}


def _format(output: Output) -> dict[str, Any]:
    if output.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": output.name or "answer", "schema": output.schema}
    if output.description:
        schema["description"] = output.description
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}
