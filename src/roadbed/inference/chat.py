"""A conversation put to a model, in the shape every dialect is read into."""

from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a conversation; content is text, or the dialect's own parts."""

    role: str
    content: str | list[dict[str, Any]] | None = None


_MESSAGES = msgspec.json.Decoder(list[Message])


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller asked. `fields` keeps every top-level field as it was sent,

    so that a provider of the same dialect forwards what we do not understand.
    """

    fields: dict[str, msgspec.Raw]
    messages: tuple[Message, ...]
    stream: bool = False
    wants_usage: bool = False

    def question(self) -> str:
        """Return the text of the last message of the user, or an empty text."""
        for message in reversed(self.messages):
            if message.role == "user":
                return text_of(message)
        return ""


def read_messages(raw: msgspec.Raw) -> tuple[Message, ...]:
    """Decode the messages array; raises msgspec.ValidationError for wrong shapes."""
    return tuple(_MESSAGES.decode(raw))


def text_of(message: Message) -> str:
    """Return the text of *message*, its text parts joined by line breaks."""
    if isinstance(message.content, str):
        return message.content
    parts = message.content or []
    return "\n".join(str(p["text"]) for p in parts if p.get("type") == "text")
