"""Anthropic Messages: asking an upstream in it."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import decode, encode

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import wrong
from roadbed.inference.chat import raw_fields
from roadbed.inference.conversation import (
    Conversation,
    Image,
    Output,
    Part,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)

RESERVED = frozenset({"model", "messages", "stream", "system"})
INVALID_JSON = "INVALID_JSON"
"""Under this name stands what should have been the JSON object of a tool's input."""

_ODD_ID = re.compile(r"[^a-zA-Z0-9_-]")
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high"}
_MODES = {"auto": "auto", "required": "any", "none": "none", "named": "tool"}


def stream(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return *fields*, asking for a stream; it counts its tokens by itself."""
    return {**fields, "stream": Raw(b"true")}


def prepend(fields: Mapping[str, Raw], prompt: str) -> dict[str, Raw]:
    """Return *fields* with *prompt* before the caller's own system prompt."""
    first = {"type": "text", "text": prompt}
    try:
        own = decode(fields.get("system", b"null"), type=str | list[Raw] | None)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("system is a text or a list of blocks") from None
    if isinstance(own, str):
        own = [{"type": "text", "text": own}] if own else None
    return {**fields, "system": Raw(encode([first, *own] if own else prompt))}


def write(asked: Conversation) -> dict[str, Raw]:
    """Return the fields that ask for *asked*, without the model.

    `max_tokens`, which Anthropic wants to be told, is missing if the caller said none.
    """
    said: dict[str, Any] = {
        "max_tokens": asked.max_tokens,
        "system": asked.system or None,
        "messages": _messages(asked),
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
        "stop_sequences": list(asked.stop) or None,
        "metadata": {"user_id": asked.user} if asked.user else None,
        "thinking": {"type": "disabled"} if asked.effort == "none" else None,
        "output_config": _config(asked) or None,
        "tools": [_tool(tool) for tool in asked.tools] or None,
        "tool_choice": _choice(asked.choice) if asked.tools else None,
    }
    return raw_fields({k: v for k, v in said.items() if v is not None})


def input_of(arguments: str) -> Any:
    """Return the input of a tool, a JSON object; what is none is wrapped into one."""
    try:
        if not isinstance(decode(arguments or "{}"), dict):
            return {INVALID_JSON: arguments}
    except (DecodeError, UnicodeError, RecursionError):
        return {INVALID_JSON: arguments}
    return Raw((arguments or "{}").encode())


def _messages(asked: Conversation) -> list[dict[str, Any]]:
    """Return the messages; turns of one side in a row are one of them."""
    messages = []
    for role, turns in groupby(asked.spoken, key=lambda turn: turn.role):
        parts = [part for turn in turns for part in turn.parts]
        if blocks := _blocks(parts):
            messages.append({"role": role, "content": blocks})
    return messages


def _blocks(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return *parts* as blocks; an empty text, or an unsigned thought, is none."""
    results = [_block(p) for p in parts if isinstance(p, ToolResult)]
    others = (_block(p) for p in parts if not isinstance(p, ToolResult))
    return [block for block in (*results, *others) if block is not None]


def _block(part: Part) -> dict[str, Any] | None:
    match part:
        case Text(text=text):
            return {"type": "text", "text": text} if text else None
        case Image():
            return {"type": "image", "source": _source(part)}
        case ToolUse():
            head = {"type": "tool_use", "id": _id(part.id), "name": part.name}
            return head | {"input": input_of(part.arguments)}
        case ToolResult():
            return _result(part)
        case Thinking(signature=""):
            return None
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _source(image: Image) -> dict[str, Any]:
    if image.url:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(result.id)}
    match result.parts:
        case ():
            pass
        case (Text(text=text),):
            block["content"] = text
        case parts:
            block["content"] = [b for part in parts if (b := _block(part)) is not None]
    return block | ({"is_error": True} if result.failed else {})


def _id(id_: str) -> str:
    return _ODD_ID.sub("_", id_) or "unnamed"


def _tool(tool: Tool) -> dict[str, Any]:
    schema = {"type": "object", **tool.schema}
    said: dict[str, Any] = {"name": tool.name, "input_schema": schema}
    if tool.description:
        said["description"] = tool.description
    if tool.strict is not None:
        said["strict"] = tool.strict
    return said


def _choice(choice: ToolChoice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    said: dict[str, Any] = {"type": _MODES[choice.mode]}
    if choice.mode == "named":
        said["name"] = choice.name
    if choice.parallel is not None and choice.mode != "none":
        said["disable_parallel_tool_use"] = not choice.parallel
    return said


def _config(asked: Conversation) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if effort := _EFFORTS.get(asked.effort):
        config["effort"] = effort
    if asked.output is not None:
        config["format"] = _format(asked.output)
    return config


def _format(output: Output) -> dict[str, Any]:
    if output.schema is None:
        raise wrong(
            "response_format",
            "this model is not asked for JSON of any shape",
            "ask for a json_schema, which it holds to",
        )
    return {"type": "json_schema", "schema": output.schema}
