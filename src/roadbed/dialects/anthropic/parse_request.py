"""Anthropic Messages: what a caller asks."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from roadbed.dialects.anthropic.blocks import Reading
from roadbed.dialects.fields import FLAG, begin, said_in, take, unknown, wrong
from roadbed.inference.chat import ChatRequest, CountRequest
from roadbed.inference.conversation import (
    Conversation,
    Output,
    Role,
    Tool,
    ToolChoice,
    Turn,
)

_ROLES: Mapping[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
}
_KNOWN = list(_ROLES)
_UNDERSTOOD = frozenset(
    {
        "model", "messages", "system", "max_tokens", "stream", "stop_sequences",
        "temperature", "top_p", "top_k", "tools", "tool_choice", "metadata",
        "thinking", "output_config", "output_format",
    }
)  # fmt: skip
_BINDING = ("container", "inference_geo", "mcp_servers")
"""Fields that another provider cannot keep, and that decide what the answer is."""
_EFFORTS = {"xhigh": "high", "max": "high"}
_SMALL_BUDGET, _LARGE_BUDGET = 4096, 16_384


class Message(msgspec.Struct):
    """One message, as far as its shape is checked."""

    role: str
    content: str | list[dict[str, Any]]


class _Format(msgspec.Struct):
    type: str
    schema: dict[str, Any] | None = None


class _Config(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


class _Choice(msgspec.Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool | None = None


_MESSAGES = msgspec.json.Decoder(list[Message])
_SYSTEM = msgspec.json.Decoder(str | list[dict[str, Any]] | None)
_COUNT = msgspec.json.Decoder(int | None)
_NUMBER = msgspec.json.Decoder(float | None)
_TEXTS = msgspec.json.Decoder(list[str] | None)
_TOOLS = msgspec.json.Decoder(list[dict[str, Any]] | None)
_CHOICE = msgspec.json.Decoder(_Choice | None)
_CONFIG = msgspec.json.Decoder(_Config | None)
_FORMAT = msgspec.json.Decoder(_Format | None)
_THINKING = msgspec.json.Decoder(_Thinking | None)
_OBJECT = msgspec.json.Decoder(dict[str, Any] | None)


def read(body: bytes) -> tuple[str, ChatRequest]:
    """Return the model's name and the request; raise Invalid naming the field."""
    model, fields = _opened(body)
    most = take(fields, "max_tokens", _COUNT)
    if most is None or most < 0:
        hint = "say how many tokens the answer may have at most"
        raise wrong("max_tokens", "max_tokens is missing, or is no count", hint)
    return model, ChatRequest(
        fields=fields,
        read=conversation,
        stream=bool(take(fields, "stream", FLAG)),
        wants_usage=True,
        max_tokens=most,
    )


def read_count(body: bytes) -> tuple[str, CountRequest]:
    """Return the model's name and what is to be counted; raise Invalid."""
    model, fields = _opened(body)
    return model, CountRequest(fields=fields, read=conversation)


def _opened(body: bytes) -> tuple[str, dict[str, msgspec.Raw]]:
    model, fields = begin(body)
    messages_of(fields)
    return model, fields


def messages_of(fields: Mapping[str, msgspec.Raw]) -> list[Message]:
    """Return the messages; raise Invalid saying which one is wrong, and how."""
    return said_in(fields, _MESSAGES, _KNOWN)


def conversation(fields: Mapping[str, msgspec.Raw]) -> Conversation:
    """Return what *fields* ask, in the inner form; raise Invalid naming the field."""
    _refuse_what_binds(fields)
    reading = Reading(left=unknown(fields, _UNDERSTOOD))
    turns = (*_system(fields, reading), *_turns(messages_of(fields), reading))
    tools = _tools(take(fields, "tools", _TOOLS) or (), reading)
    return Conversation(
        turns=turns,
        tools=tools,
        choice=_choice(fields),
        output=_output(fields),
        max_tokens=take(fields, "max_tokens", _COUNT),
        temperature=take(fields, "temperature", _NUMBER),
        top_p=take(fields, "top_p", _NUMBER),
        top_k=take(fields, "top_k", _COUNT),
        stop=tuple(take(fields, "stop_sequences", _TEXTS) or ()),
        effort=_effort(fields),
        user=_user(fields),
        unsaid=tuple(sorted(reading.left)),
    )


def _refuse_what_binds(fields: Mapping[str, msgspec.Raw]) -> None:
    for name in _BINDING:
        if bytes(fields.get(name, b"null")) not in (b"null", b"[]"):
            raise wrong(
                name,
                f"{name} cannot be kept by the provider of this model",
                "leave it out, or ask an endpoint whose provider is Anthropic",
            )


def _system(fields: Mapping[str, msgspec.Raw], reading: Reading) -> list[Turn]:
    content = take(fields, "system", _SYSTEM)
    if not content:
        return []
    return [Turn(role="system", parts=reading.parts("system", content))]


def _turns(messages: Sequence[Message], reading: Reading) -> list[Turn]:
    return [
        Turn(
            role=_ROLES[message.role],
            parts=reading.parts(f"messages[{at}].content", message.content),
        )
        for at, message in enumerate(messages)
    ]


def _tools(tools: Sequence[Mapping[str, Any]], reading: Reading) -> tuple[Tool, ...]:
    return tuple(reading.tool(f"tools[{at}]", t) for at, t in enumerate(tools))


def _choice(fields: Mapping[str, msgspec.Raw]) -> ToolChoice | None:
    choice: _Choice | None = take(fields, "tool_choice", _CHOICE)
    if choice is None:
        return None
    single = choice.disable_parallel_tool_use
    parallel = None if single is None else not single
    match choice.type:
        case "auto" | "none" as mode:
            return ToolChoice(mode=mode, parallel=parallel)
        case "any":
            return ToolChoice(mode="required", parallel=parallel)
        case "tool" if choice.name:
            return ToolChoice(mode="named", name=choice.name, parallel=parallel)
    raise wrong("tool_choice", "tool_choice: auto, any, none, or a tool by its name")


def _output(fields: Mapping[str, msgspec.Raw]) -> Output | None:
    config: _Config | None = take(fields, "output_config", _CONFIG)
    # A former name of the same thing, which older clients still write.
    shape = config.format if config else take(fields, "output_format", _FORMAT)
    if shape is None:
        return None
    if shape.type != "json_schema" or shape.schema is None:
        name = "output_config.format"
        raise wrong(name, f"{name}: write a json_schema, with its schema")
    return Output(schema=shape.schema)


def _effort(fields: Mapping[str, msgspec.Raw]) -> str:
    """Return how hard to think: as it was said, or as the budget suggests."""
    thinking: _Thinking | None = take(fields, "thinking", _THINKING)
    if thinking is not None and thinking.type == "disabled":
        return "none"
    config: _Config | None = take(fields, "output_config", _CONFIG)
    if config is not None and config.effort:
        return _EFFORTS.get(config.effort, config.effort)
    if thinking is None or thinking.budget_tokens is None:
        return ""
    if thinking.budget_tokens < _SMALL_BUDGET:
        return "low"
    return "medium" if thinking.budget_tokens < _LARGE_BUDGET else "high"


def _user(fields: Mapping[str, msgspec.Raw]) -> str:
    user = (take(fields, "metadata", _OBJECT) or {}).get("user_id")
    return user if isinstance(user, str) else ""
