"""OpenAI Responses: asking an upstream in it."""

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
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)

RESERVED = frozenset(
    {
        "model", "input", "instructions", "stream", "stream_options", "background",
        "previous_response_id", "conversation", "prompt",
    }
)  # fmt: skip


def stream(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return *fields*, asking for a stream; it counts its tokens anyway."""
    return {**fields, "stream": Raw(b"true")}


def prepend(fields: Mapping[str, Raw], prompt: str) -> dict[str, Raw]:
    """Return *fields* with *prompt* before the instructions.

    As a message in the input it would be kept, and said again in each turn of a
    conversation that the upstream remembers.
    """
    try:
        said = decode(fields.get("instructions", b"null"), type=str | None)
    except (DecodeError, UnicodeDecodeError):
        raise Invalid("instructions is a text") from None
    both = f"{prompt}\n\n{said}" if said else prompt
    return {**fields, "instructions": Raw(encode(both))}


def write(asked: Conversation) -> dict[str, Raw]:
    """Return the fields that ask for *asked*, without the model; raise Invalid."""
    if asked.stop:
        raise Invalid("stop: the Responses API knows no stop sequences")
    said: dict[str, Any] = {
        "input": [item for turn in asked.turns for item in items_of(turn)],
        "max_output_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "reasoning": {"effort": asked.effort} if asked.effort else None,
        "safety_identifier": asked.user or None,
        "tools": [_tool(t) for t in asked.tools] or None,
        "text": {"format": _format(asked.output)} if asked.output else None,
        "store": False,
        **_choice(asked.choice),
    }
    return raw_fields({k: v for k, v in said.items() if v is not None})


def items_of(turn: Turn) -> list[dict[str, Any]]:
    """Return the items of a turn: parts that are said together are one message."""
    found: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, ToolUse):
            found.append(_use(part))
        elif isinstance(part, ToolResult):
            found.append(_result(part))
        elif isinstance(part, Thinking):
            found.append(_thought(part))
        elif found and found[-1]["type"] == "message":
            found[-1]["content"].append(_part(part, turn.role))
        else:
            said = {"type": "message", "role": turn.role}
            found.append(said | {"content": [_part(part, turn.role)]})
    return found


def _part(part: Part, role: str) -> dict[str, Any]:
    if isinstance(part, Image):
        url = part.url or f"data:{part.media_type};base64,{part.data}"
        image = {"type": "input_image", "image_url": url}
        return image | {"detail": part.detail or "auto"}
    assert isinstance(part, Text)
    if role == "assistant":
        return {"type": "output_text", "text": part.text, "annotations": []}
    return {"type": "input_text", "text": part.text}


def _use(use: ToolUse) -> dict[str, Any]:
    head = {"type": "function_call", "call_id": use.id}
    return head | {"name": use.name, "arguments": use.arguments}


def _result(result: ToolResult) -> dict[str, Any]:
    texts = [p.text for p in result.parts if isinstance(p, Text)]
    plain = len(texts) == len(result.parts)
    parts = [_part(p, "user") for p in result.parts]
    output = "\n".join(texts) if plain else parts
    head = {"type": "function_call_output", "call_id": result.id}
    return head | {"output": output}


def _thought(thought: Thinking) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    item = {"type": "reasoning", "summary": parts}
    return item | ({"encrypted_content": s} if (s := thought.signature) else {})


def _tool(tool: Tool) -> dict[str, Any]:
    """Return a function; here it would be strict if nothing were said."""
    declared = {"type": "function", "name": tool.name, "parameters": dict(tool.schema)}
    described = {"description": tool.description} if tool.description else {}
    return declared | described | {"strict": bool(tool.strict)}


def _choice(choice: ToolChoice | None) -> dict[str, Any]:
    if choice is None:
        return {}
    word: Any = choice.mode
    if choice.mode == "named":
        word = {"type": "function", "name": choice.name}
    return {"tool_choice": word, "parallel_tool_calls": choice.parallel}


def _format(output: Output) -> dict[str, Any]:
    if output.schema is None:
        return {"type": "json_object"}
    named = {"type": "json_schema", "name": output.name or "answer"}
    shape: dict[str, Any] = {**named, "schema": dict(output.schema)}
    if output.description:
        shape["description"] = output.description
    return shape | {"strict": bool(output.strict)}


def pins(pinned: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return the parameters that a version pins for chat completions, in these words.

    Raises Invalid naming one that this API has no word for.
    """
    found = dict[str, Raw]()
    for name in sorted(pinned, key=lambda known: known not in _PLAIN):
        value = pinned[name]
        if name in _PLAIN:
            found[_PLAIN[name]] = value
        elif name in _INSIDE:
            outer, inner = _INSIDE[name]
            known = decode(found.get(outer, b"{}"), type=dict[str, Raw])
            found[outer] = Raw(encode({**known, inner: value}))
        elif name == "response_format":
            known = decode(found.get("text", b"{}"), type=dict[str, Raw])
            found["text"] = Raw(encode({**known, "format": _flat_format(value)}))
        else:
            raise Invalid(f"the Responses API has no parameter {name!r}")
    return found


def _flat_format(value: Raw) -> Raw:
    shape = decode(value, type=dict[str, Raw])
    inner = decode(shape.pop("json_schema", b"{}"), type=dict[str, Raw])
    return Raw(encode({**shape, **inner}))


_SAME = (
    "model", "temperature", "top_p", "max_output_tokens", "metadata", "user",
    "service_tier", "store", "safety_identifier", "prompt_cache_key",
    "parallel_tool_calls", "top_logprobs", "text", "reasoning", "truncation",
)  # fmt: skip
_PLAIN: Mapping[str, str] = {
    **{name: name for name in _SAME},
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
}
_INSIDE: Mapping[str, tuple[str, str]] = {
    "reasoning_effort": ("reasoning", "effort"),
    "verbosity": ("text", "verbosity"),
}
