"""What a response says of itself: what was asked, and what was counted."""

from collections.abc import Mapping
from typing import Any

import msgspec

from roadbed.inference.call import Call, Usage
from roadbed.inference.chat import ChatRequest

DIALECT = "openai-responses"

_TOOLS = msgspec.json.Decoder(list[dict[str, Any]] | None)
_OBJECT = msgspec.json.Decoder(dict[str, Any] | None)
_NULL = b"null"
_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "top_p": 1.0,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
    "metadata": {},
}
"""What is shown as it was asked, and what it is where nothing was."""
_FIXED: Mapping[str, Any] = {
    "previous_response_id": None,
    "background": False,
    "store": False,
    "truncation": "disabled",
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "service_tier": "default",
}


def described(call: Call) -> dict[str, Any]:
    """Return the response to *call* as it is before anything was said."""
    assert isinstance(call.request, ChatRequest)
    fields = call.request.fields
    return {
        "id": f"resp_{call.id}",
        "object": "response",
        "created_at": call.received_us // 1_000_000,
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": call.endpoint,
        "output": [],
        "usage": None,
        **_FIXED,
        **{name: _asked(fields, name) for name in _ECHOED},
        "tools": [_tool(tool) for tool in _read(_TOOLS, fields, "tools") or ()],
        "text": _shape(_read(_OBJECT, fields, "text") or {}),
        "reasoning": {
            "effort": None,
            "summary": None,
            **(_read(_OBJECT, fields, "reasoning") or {}),
        },
    }


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return *usage* as the Responses API counts it: cached tokens are input too."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _asked(fields: Mapping[str, msgspec.Raw], name: str) -> Any:
    raw = fields.get(name)
    return _ECHOED[name] if raw is None or bytes(raw) == _NULL else raw


def _read(
    decoder: msgspec.json.Decoder[Any], fields: Mapping[str, msgspec.Raw], name: str
) -> Any:
    """Return a field; nothing if it has a shape that a model may let pass."""
    try:
        return decoder.decode(fields.get(name, _NULL))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        return dict(tool)
    return {"description": None, "parameters": None, "strict": None, **tool}


def _shape(text: Mapping[str, Any]) -> dict[str, Any]:
    shape = dict(text.get("format") or {"type": "text"})
    if shape.get("type") == "json_schema":
        shape = {"description": None, "strict": False, **shape}
    return {**text, "format": shape}
