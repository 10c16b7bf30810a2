"""A conversation with a model, in the one form that every dialect is read into.

A provider that speaks the caller's dialect forwards the caller's own fields and never
comes here. Between two dialects this is the meeting place: what it cannot say, no
translation can carry, so `Conversation.unsaid` names what was left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause"]
"""Why a model stopped: it was done (`stop`, also at a stop sequence), ran out of
tokens (`length`), wants tools called, was silenced (`content_filter`), would not
answer (`refusal`), or waits to be asked to go on (`pause`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture: base64 `data` with its `media_type`, or a `url`."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """The model wants a tool called; `arguments` is the text of a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool gave back to the call with this id."""

    id: str
    parts: tuple[Text | Image, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """What a model thought; `signature` is its provider's proof, to be sent back."""

    text: str
    signature: str = ""


Part = Text | Image | ToolUse | ToolResult | Thinking


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said. Results of tools are parts of a `user` turn."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may ask for; `schema` is JSON Schema."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """Whether tools may, must or must not be called; `name` if it must be that one."""

    mode: Literal["auto", "required", "none", "named"] = "auto"
    name: str = ""
    parallel: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The shape that the answer must have: any JSON object, or one of a JSON Schema."""

    schema: Mapping[str, Any] | None = None
    name: str = ""
    description: str = ""
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What is asked of a model. System turns stand where the caller put them.

    `effort` is how hard to think (`none`, `minimal`, `low`, `medium`, `high`), empty
    if the caller said nothing. `unsaid` are the caller's fields without a place here.
    """

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None
    output: Output | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    effort: str = ""
    user: str = ""
    unsaid: tuple[str, ...] = ()

    @property
    def system(self) -> str:
        """Return the text of all system turns, with blank lines between them."""
        return "\n\n".join(said(t.parts) for t in self.turns if t.role == "system")

    @property
    def spoken(self) -> tuple[Turn, ...]:
        """Return the turns of user and assistant."""
        return tuple(turn for turn in self.turns if turn.role != "system")


def said(parts: tuple[Any, ...]) -> str:
    """Return the text among *parts*, joined by line breaks."""
    return "\n".join(part.text for part in parts if isinstance(part, Text))
