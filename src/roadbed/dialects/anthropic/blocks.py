"""Anthropic's content blocks and tools, read into the inner form."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.json import encode

from roadbed.core.errors import Invalid
from roadbed.dialects.fields import wrong
from roadbed.inference.conversation import (
    Image,
    Part,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)

_TOOL = frozenset({"type", "name", "description", "input_schema", "strict"})
_TO_ANTHROPIC = "ask an endpoint whose provider is Anthropic"


class Reading:
    """Reads blocks and tools; `left` gathers the names of what has no place."""

    def __init__(self, left: set[str]) -> None:
        self.left = left

    def parts(
        self, where: str, content: str | Sequence[Mapping[str, Any]]
    ) -> tuple[Part, ...]:
        """Return *content* as parts; raise Invalid naming the block."""
        if isinstance(content, str):
            return (Text(text=content),)
        found = (self._part(f"{where}[{at}]", b) for at, b in enumerate(content))
        return tuple(part for part in found if part is not None)

    def tool(self, where: str, tool: Mapping[str, Any]) -> Tool:
        """Return *tool*; raise Invalid if it is one that Anthropic would run itself."""
        kind, schema = tool.get("type") or "custom", tool.get("input_schema")
        name, strict = tool.get("name"), tool.get("strict")
        if kind != "custom":
            text = f"{where}: this model is not given tools of type {str(kind)[:60]!r}"
            raise wrong(where, text, _TO_ANTHROPIC)
        if not isinstance(name, str) or not isinstance(schema, dict):
            raise wrong(where, f"{where}: a tool has a name and an input_schema")
        self.left |= set(tool) - _TOOL
        return Tool(
            name=name,
            description=str(tool.get("description") or ""),
            schema=schema,
            strict=strict if isinstance(strict, bool) else None,
        )

    def _part(self, where: str, block: Mapping[str, Any]) -> Part | None:
        if block.get("cache_control"):
            self.left.add("cache_control")
        match block:
            case {"type": "text", "text": str(text)}:
                return Text(text=text)
            case {"type": "image", "source": dict(source)}:
                return _image(where, source)
            case {"type": "document", "source": {"type": "text", "data": str(text)}}:
                return Text(text=text)
            case {"type": "thinking", "thinking": str(text)}:
                return Thinking(text=text, signature=str(block.get("signature") or ""))
            case {"type": "redacted_thinking"}:
                self.left.add("redacted_thinking")
                return None
        return self._tool_part(where, block)

    def _tool_part(self, where: str, block: Mapping[str, Any]) -> Part:
        match block:
            case {"type": "tool_use", "id": str(id_), "name": str(name)}:
                asked = encode(block.get("input") or {}).decode()
                return ToolUse(id=id_, name=name, arguments=asked)
            case {"type": "tool_result", "tool_use_id": str(id_)}:
                return self._result(where, id_, block)
        raise _unknown(where, block)

    def _result(self, where: str, id_: str, block: Mapping[str, Any]) -> ToolResult:
        content = block.get("content") or ()
        listed = isinstance(content, list) and all(isinstance(b, dict) for b in content)
        if not isinstance(content, str) and content != () and not listed:
            raise wrong(where, f"{where}.content is a text or a list of blocks")
        parts = self.parts(f"{where}.content", content)
        plain = tuple(part for part in parts if isinstance(part, Text | Image))
        if len(plain) < len(parts):
            raise wrong(where, f"{where}: the result of a tool is texts and images")
        return ToolResult(id=id_, parts=plain, failed=bool(block.get("is_error")))


def _image(where: str, source: Mapping[str, Any]) -> Image:
    match source:
        case {"type": "base64", "media_type": str(kind), "data": str(data)}:
            return Image(media_type=kind, data=data)
        case {"type": "url", "url": str(url)}:
            return Image(url=url)
    kind = str(source.get("type"))[:40]
    text = f"{where}.source: this model is not given images of type {kind!r}"
    raise wrong(f"{where}.source", text, "send base64 data or a url")


def _unknown(where: str, block: Mapping[str, Any]) -> Invalid:
    kind = str(block.get("type"))[:60]
    text = f"{where}: this model is not given blocks of type {kind!r}"
    return wrong(where, text, f"send text and images, or {_TO_ANTHROPIC}")
