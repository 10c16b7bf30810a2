"""OpenAI Responses: what a caller asks."""

from collections.abc import Mapping
from typing import Any

import msgspec

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import FLAG, TEXT, begin, take, unknown, wrong
from roadbed.dialects.responses.items import turns_of
from roadbed.inference.chat import ChatRequest, CountRequest
from roadbed.inference.conversation import (
    Conversation,
    Output,
    Text,
    Tool,
    ToolChoice,
    Turn,
)

_UNDERSTOOD = frozenset(
    {
        "model", "input", "instructions", "stream", "stream_options", "tools",
        "tool_choice", "parallel_tool_calls", "text", "reasoning",
        "max_output_tokens", "temperature", "top_p", "user", "safety_identifier",
        "store", "metadata", "previous_response_id", "background", "conversation",
        "prompt",
    }
)  # fmt: skip
_STATE = {
    "previous_response_id": "send the earlier items in `input`",
    "conversation": "send the earlier items in `input`",
    "prompt": "write the prompt into `instructions`",
    "store": "leave `store` out, or set it to false",
    "background": "leave `background` out, and wait for the answer",
}
"""What only a server that keeps answers can do, and what to do instead."""

_BEFORE = ("previous_response_id", "conversation", "prompt")


class _Declared(msgspec.Struct):
    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Format(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Shape(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None


_INPUT = msgspec.json.Decoder(str | list[dict[str, Any]] | None)
_ANY = msgspec.json.Decoder(Any)
_COUNT = msgspec.json.Decoder(int | None)
_NUMBER = msgspec.json.Decoder(float | None)
_TOOLS = msgspec.json.Decoder(list[_Declared] | None)
_CHOICE = msgspec.json.Decoder(str | dict[str, Any] | None)
_SHAPE = msgspec.json.Decoder(_Shape | None)
_REASONING = msgspec.json.Decoder(_Reasoning | None)


def read(body: bytes) -> tuple[str, ChatRequest]:
    """Return the model's name and the request; raise Invalid naming the field.

    An answer that is made in the background and fetched later is refused: nobody
    would count what it costs. As a stream it is answered, and counted.
    """
    model, fields = _begin(body)
    stream = bool(take(fields, "stream", FLAG))
    if take(fields, "background", FLAG) and not stream:
        text = "background: answers are not kept here to be fetched later"
        raise wrong("background", text, "stream the answer, or leave `background` out")
    return model, ChatRequest(
        fields=fields,
        read=conversation,
        stream=stream,
        wants_usage=True,
        max_tokens=take(fields, "max_output_tokens", _COUNT),
    )


def read_count(body: bytes) -> tuple[str, CountRequest]:
    """Return the model's name and what is to be counted; raise Invalid."""
    model, fields = _begin(body)
    return model, CountRequest(fields=fields, read=conversation)


def _begin(body: bytes) -> tuple[str, dict[str, msgspec.Raw]]:
    model, fields = begin(body)
    take(fields, "instructions", TEXT)
    asked = take(fields, "input", _INPUT)
    if not asked and not any(_given(fields, name) for name in _BEFORE):
        raise wrong("input", "input is missing: a text, or a list of items")
    return model, fields


def _given(fields: Mapping[str, msgspec.Raw], name: str) -> bool:
    return bool(take(fields, name, _ANY))


def conversation(fields: Mapping[str, msgspec.Raw]) -> Conversation:
    """Return what *fields* ask, in the inner form; raise Invalid naming the field."""
    for name, instead in _STATE.items():
        if _given(fields, name):
            text = f"{name}: this model's provider keeps no answers"
            raise wrong(name, text, instead)
    shape = take(fields, "text", _SHAPE) or _Shape()
    reasoning = take(fields, "reasoning", _REASONING) or _Reasoning()
    user = take(fields, "safety_identifier", TEXT) or take(fields, "user", TEXT)
    choice, only = _choice(fields)
    return Conversation(
        turns=(*_instructions(fields), *turns_of(take(fields, "input", _INPUT) or ())),
        tools=tuple(t for t in _tools(fields) if only is None or t.name in only),
        choice=choice,
        output=_output(shape.format),
        max_tokens=take(fields, "max_output_tokens", _COUNT),
        temperature=take(fields, "temperature", _NUMBER),
        top_p=take(fields, "top_p", _NUMBER),
        effort=reasoning.effort or "",
        user=user or "",
        unsaid=_unsaid(fields, shape, reasoning),
    )


def _instructions(fields: Mapping[str, msgspec.Raw]) -> tuple[Turn, ...]:
    text = take(fields, "instructions", TEXT)
    return (Turn(role="system", parts=(Text(text=text),)),) if text else ()


def _unsaid(
    fields: Mapping[str, msgspec.Raw], shape: _Shape, reasoning: _Reasoning
) -> tuple[str, ...]:
    unsaid = unknown(fields, _UNDERSTOOD)
    if shape.verbosity:
        unsaid.add("text.verbosity")
    if reasoning.summary:
        unsaid.add("reasoning.summary")
    return tuple(sorted(unsaid))


def _tools(fields: Mapping[str, msgspec.Raw]) -> list[Tool]:
    found = []
    for at, tool in enumerate(take(fields, "tools", _TOOLS) or ()):
        if tool.type != "function":
            raise wrong(
                f"tools[{at}].type",
                f"tools[{at}]: {tool.type[:40]!r} is run by OpenAI, and this model's "
                "provider does not run it",
                "declare a function, and call it yourself",
            )
        if not tool.name:
            raise wrong(f"tools[{at}].name", f"tools[{at}]: a function has a name")
        found.append(
            Tool(
                name=tool.name,
                description=tool.description or "",
                schema=tool.parameters or {},
                strict=tool.strict,
            )
        )
    return found


def _choice(
    fields: Mapping[str, msgspec.Raw],
) -> tuple[ToolChoice | None, frozenset[str] | None]:
    """Return which tools are to be called, and the only ones allowed if some are."""
    parallel = take(fields, "parallel_tool_calls", FLAG)
    match take(fields, "tool_choice", _CHOICE):
        case None:
            return (None if parallel is None else ToolChoice(parallel=parallel)), None
        case "auto" | "required" | "none" as mode:
            return ToolChoice(mode=mode, parallel=parallel), None
        case {"type": "function", "name": str(name)}:
            return ToolChoice(mode="named", name=name, parallel=parallel), None
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": t}:
            return ToolChoice(mode=mode, parallel=parallel), _allowed(t)
    text = "tool_choice: auto, required, none, one function, or allowed_tools"
    raise wrong("tool_choice", text)


def _allowed(tools: Any) -> frozenset[str]:
    listed = tools if isinstance(tools, list) else [None]
    found = [t.get("name") if isinstance(t, dict) else None for t in listed]
    names = [name for name in found if isinstance(name, str)]
    if len(names) < len(found):
        raise wrong("tool_choice.tools", "tool_choice.tools lists functions by name")
    return frozenset(names)


def _output(shape: _Format | None) -> Output | None:
    if shape is None or shape.type == "text":
        return None
    if shape.type == "json_object":
        return Output()
    if shape.type != "json_schema" or shape.schema is None:
        raise _no_such_format(shape)
    return Output(
        schema=shape.schema,
        name=shape.name,
        description=shape.description or "",
        strict=shape.strict,
    )


def _no_such_format(shape: _Format) -> Invalid:
    if shape.type == "json_schema":
        return wrong("text.format.schema", "text.format: json_schema needs a schema")
    text = f"text.format: no type is called {shape.type[:40]!r}"
    return wrong("text.format.type", text, "one of text, json_object, json_schema")
