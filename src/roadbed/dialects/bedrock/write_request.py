"""Bedrock Converse: asking an upstream in it."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from msgspec.json import decode, encode

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import wrong
from roadbed.dialects.signatures import of_anthropic
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

RESERVED = frozenset({"modelId", "model", "messages", "system", "stream"})
MERGED = frozenset({"inferenceConfig", "additionalModelRequestFields", "outputConfig"})
_FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"}
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")


def write(asked: Conversation) -> Fields:
    """Return the fields that ask for *asked*; raise Invalid for what has no words."""
    turns = alternating(asked.spoken)
    system = asked.system
    return raw_fields(
        without_none(
            {
                "system": [{"text": system}] if system else None,
                "messages": [m for turn in turns if (m := _message(turn))["content"]],
                "inferenceConfig": _config(asked),
                "toolConfig": _tools(asked, turns),
                "outputConfig": _output(asked),
                "additionalModelRequestFields": without_none({"top_k": asked.top_k}),
            }
        )
    )


def stream(fields: Fields) -> Fields:
    """Return *fields*: the address asks for a stream, and every stream counts."""
    return fields


def prepend(fields: Fields, prompt: str) -> Fields:
    """Return *fields* with *prompt* before what the system says."""
    known: Any = decode(fields.get("system", b"[]"))
    return {**fields, **raw_fields({"system": [{"text": prompt}, *known]})}


def _config(asked: Conversation) -> dict[str, Any]:
    return without_none(
        {
            "maxTokens": asked.max_tokens,
            "temperature": asked.temperature,
            "topP": asked.top_p,
            "stopSequences": list(asked.stop),
        }
    )


def _output(asked: Conversation) -> dict[str, Any]:
    shape = {} if asked.output is None else {"textFormat": _format(asked.output)}
    effort = "low" if asked.effort == "minimal" else asked.effort
    return shape | ({"effort": effort} if effort not in ("", "none") else {})


def _format(output: Output) -> dict[str, Any]:
    if output.schema is None:
        raise Invalid(
            "this model writes JSON by a schema, and not just any JSON object",
            hint="give the schema that the answer must have",
        )
    schema = {
        "schema": encode(output.schema).decode(),
        "name": output.name,
        "description": output.description,
    }
    structure = {"jsonSchema": without_none(schema)}
    return {"type": "json_schema", "structure": structure}


def _tools(asked: Conversation, turns: Sequence[Turn]) -> dict[str, Any]:
    """Return the tools and the choice among them.

    Bedrock wants tools declared if a tool was called before, also by a caller who
    declares none any more: those are named again, without a word on their arguments.
    """
    uses = [p for turn in turns for p in turn.parts if isinstance(p, ToolUse)]
    choice = asked.choice or ToolChoice()
    if choice.mode == "none":
        if uses:
            raise Invalid(
                "this model cannot be told to call no tool where one was called before",
                hint="do not forbid tools, or leave the calls out of the conversation",
            )
        return {}
    if choice.parallel is False and asked.tools:
        raise Invalid(
            "this model may call several tools at once, and cannot be told not to",
            hint="do not ask for one call at a time",
        )
    tools = asked.tools or tuple(
        Tool(name=n) for n in dict.fromkeys(u.name for u in uses)
    )
    if not tools:
        return {}
    wanted = {"toolChoice": _choice(choice)} if asked.tools and asked.choice else {}
    return {"tools": [_tool(tool) for tool in tools], **wanted}


def _choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.mode == "named":
        return {"tool": {"name": choice.name}}
    return {"any" if choice.mode == "required" else "auto": {}}


def _tool(tool: Tool) -> dict[str, Any]:
    schema = dict(tool.schema) or {"type": "object"}
    spec = {"name": tool.name, "description": tool.description, "strict": tool.strict}
    return {"toolSpec": {**without_none(spec), "inputSchema": {"json": schema}}}


def _message(turn: Turn) -> dict[str, Any]:
    blocks = [block for part in turn.parts if (block := _block(part)) is not None]
    return {"role": turn.role, "content": blocks}


def _block(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Image):
        return _image(part)
    if isinstance(part, ToolUse):
        known = {"toolUseId": id_of(part.id), "name": part.name}
        return {"toolUse": {**known, "input": arguments_of(part)}}
    if isinstance(part, ToolResult):
        return {"toolResult": _result(part)}
    if isinstance(part, Thinking):
        return _thought(part)
    return {"text": said((part,))}


def _thought(part: Thinking) -> dict[str, Any] | None:
    """Return what was thought and is proved; the rest no model takes back."""
    if not (signature := of_anthropic(part.signature)):
        return None
    thought = {"text": part.text, "signature": signature}
    return {"reasoningContent": {"reasoningText": thought}}


def _result(result: ToolResult) -> dict[str, Any]:
    parts = (p for p in result.parts if isinstance(p, Image) or p.text)
    content = [_image(p) if isinstance(p, Image) else {"text": p.text} for p in parts]
    status = {"status": "error"} if result.failed else {}
    return {"toolUseId": id_of(result.id), "content": content, **status}


def _image(image: Image) -> dict[str, Any]:
    """Return *image* as a block; raise Invalid unless it is bytes, or in S3."""
    ending = image.url.rpartition(".")[2].lower() if image.url else ""
    kind = image.media_type.rpartition("/")[2].lower() or ending
    if kind not in _FORMATS:
        known = ", ".join(sorted(set(_FORMATS.values())))
        raise wrong(
            "messages", f"this model is given no pictures of type {kind[:40]!r}", known
        )
    if image.url.startswith("s3://"):
        source: dict[str, Any] = {"s3Location": {"uri": image.url}}
    elif image.data:
        source = {"bytes": image.data}
    else:
        raise wrong(
            "messages",
            "this model is not given pictures by their address",
            "send the picture itself, as a data URL",
        )
    return {"image": {"format": _FORMATS[kind], "source": source}}


def id_of(identity: str) -> str:
    """Return the id of a call as Bedrock allows it: for an odd one, a hash."""
    if _ID.fullmatch(identity):
        return identity
    return "call_" + hashlib.sha256(identity.encode()).hexdigest()[:40]
