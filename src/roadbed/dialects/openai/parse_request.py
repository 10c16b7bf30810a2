"""OpenAI chat completions: what a caller asks."""

from collections.abc import Mapping
from typing import Any

import msgspec

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import FLAG, TEXT, begin, said_in, take, unknown, wrong
from roadbed.inference.chat import ChatRequest
from roadbed.inference.conversation import (
    Conversation,
    Image,
    Output,
    Part,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "user",
    "function": "user",
}
_KNOWN = sorted(_ROLES)
_UNDERSTOOD = frozenset(
    {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice",
        "parallel_tool_calls", "response_format", "max_tokens",
        "max_completion_tokens", "temperature", "top_p", "stop", "seed",
        "reasoning_effort", "user", "safety_identifier", "n", "store", "metadata",
    }
)  # fmt: skip


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Function(msgspec.Struct):
    name: str
    arguments: str = ""


class _ToolCall(msgspec.Struct):
    id: str = ""
    function: _Function | None = None


class Message(msgspec.Struct):
    """One message, as far as its shape is checked."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str = ""
    name: str | None = None
    refusal: str | None = None


class _Declared(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Declared | None = None


class _Schema(msgspec.Struct):
    name: str = ""
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Format(msgspec.Struct):
    type: str
    json_schema: _Schema | None = None


_LIMITS = frozenset({"max_completion_tokens", "max_tokens"})
_OPTIONS = msgspec.json.Decoder(_StreamOptions | None)
_MESSAGES = msgspec.json.Decoder(list[Message])
_COUNT = msgspec.json.Decoder(int | None)
_NUMBER = msgspec.json.Decoder(float | None)
_TOOLS = msgspec.json.Decoder(list[_Tool] | None)
_CHOICE = msgspec.json.Decoder(str | dict[str, Any] | None)
_FORMAT = msgspec.json.Decoder(_Format | None)
_STOP = msgspec.json.Decoder(str | list[str] | None)


def read(body: bytes) -> tuple[str, ChatRequest]:
    """Return the model's name and the request; raise Invalid naming the field."""
    model, fields = begin(body)
    stream = "stream" in fields and bool(take(fields, "stream", FLAG))
    options = None
    if "stream_options" in fields:
        options = take(fields, "stream_options", _OPTIONS)
    if options is not None and not stream:
        raise wrong("stream_options", "stream_options needs stream: true")
    messages_of(fields)
    return model, ChatRequest(
        fields=fields,
        read=conversation,
        stream=stream,
        wants_usage=bool(options and options.include_usage),
        max_tokens=None if _LIMITS.isdisjoint(fields) else _most(fields),
    )


def messages_of(fields: Mapping[str, msgspec.Raw]) -> list[Message]:
    """Return the messages; raise Invalid saying which one is wrong, and how."""
    return said_in(fields, _MESSAGES, _KNOWN)


def conversation(fields: Mapping[str, msgspec.Raw]) -> Conversation:
    """Return what *fields* ask, in the inner form; raise Invalid naming the field."""
    count = take(fields, "n", _COUNT)
    if count not in (None, 1):
        raise wrong("n", "this model gives one answer at a time", "leave `n` out")
    turns = [_turn(f"messages[{i}]", m) for i, m in enumerate(messages_of(fields))]
    stop = take(fields, "stop", _STOP)
    user = take(fields, "safety_identifier", TEXT) or take(fields, "user", TEXT)
    return Conversation(
        turns=tuple(turns),
        tools=_tools(fields),
        choice=_choice(fields),
        output=_output(fields),
        max_tokens=_most(fields),
        temperature=take(fields, "temperature", _NUMBER),
        top_p=take(fields, "top_p", _NUMBER),
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        seed=take(fields, "seed", _COUNT),
        effort=take(fields, "reasoning_effort", TEXT) or "",
        user=user or "",
        unsaid=tuple(sorted(unknown(fields, _UNDERSTOOD))),
    )


def _most(fields: Mapping[str, msgspec.Raw]) -> int | None:
    newer = take(fields, "max_completion_tokens", _COUNT)
    return newer if newer is not None else take(fields, "max_tokens", _COUNT)


def _turn(where: str, message: Message) -> Turn:
    parts = list(_parts(where, message.content))
    if message.refusal:
        parts.append(Text(text=message.refusal))
    if message.role in ("tool", "function"):
        plain = tuple(p for p in parts if isinstance(p, Text | Image))
        named = message.tool_call_id or message.name or ""
        return Turn(role="user", parts=(ToolResult(id=named, parts=plain),))
    for call in message.tool_calls or ():
        if call.function is None:
            raise wrong(f"{where}.tool_calls", f"{where}: only functions are called")
        asked = call.function.arguments or "{}"
        parts.append(ToolUse(id=call.id, name=call.function.name, arguments=asked))
    return Turn(role=_ROLES[message.role], parts=tuple(parts))


def _parts(where: str, content: str | list[dict[str, Any]] | None) -> list[Part]:
    if isinstance(content, str):
        return [Text(text=content)]
    return [_part(f"{where}.content[{i}]", p) for i, p in enumerate(content or ())]


def _part(where: str, part: Mapping[str, Any]) -> Part:
    match part:
        case {"type": "text", "text": str(text)}:
            return Text(text=text)
        case {"type": "refusal", "refusal": str(text)}:
            return Text(text=text)
        case {"type": "image_url", "image_url": {"url": str(url)} as image}:
            return image_of(url, str(image.get("detail", "")))
    kind = str(part.get("type"))[:40]
    raise wrong(where, f"{where}: this model is not given parts of type {kind!r}")


def image_of(url: str, detail: str = "") -> Image:
    """Return the picture at *url*, which may be a data URL."""
    if not url.startswith("data:"):
        return Image(url=url, detail=detail)
    head, _, data = url[5:].partition(",")
    return Image(media_type=head.partition(";")[0], data=data, detail=detail)


def _tools(fields: Mapping[str, msgspec.Raw]) -> tuple[Tool, ...]:
    found = []
    for at, tool in enumerate(take(fields, "tools", _TOOLS) or ()):
        if tool.function is None:
            raise wrong(f"tools[{at}]", "this model is given functions only")
        found.append(
            Tool(
                name=tool.function.name,
                description=tool.function.description or "",
                schema=tool.function.parameters or {},
                strict=tool.function.strict,
            )
        )
    return tuple(found)


def _choice(fields: Mapping[str, msgspec.Raw]) -> ToolChoice | None:
    parallel = take(fields, "parallel_tool_calls", FLAG)
    match take(fields, "tool_choice", _CHOICE):
        case None:
            return None if parallel is None else ToolChoice(parallel=parallel)
        case "auto" | "required" | "none" as mode:
            return ToolChoice(mode=mode, parallel=parallel)
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice(mode="named", name=name, parallel=parallel)
    raise wrong("tool_choice", "tool_choice: auto, required, none, or one function")


def _output(fields: Mapping[str, msgspec.Raw]) -> Output | None:
    shape: _Format | None = take(fields, "response_format", _FORMAT)
    if shape is None or shape.type == "text":
        return None
    if shape.type == "json_object":
        return Output()
    if shape.type != "json_schema" or shape.json_schema is None:
        raise Invalid(f"response_format: no type is called {shape.type[:40]!r}")
    asked = shape.json_schema
    return Output(
        schema=asked.schema or {},
        name=asked.name,
        description=asked.description or "",
        strict=asked.strict,
    )
