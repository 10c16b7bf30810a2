"""What a caller may ask of a model that reads text: to chat, embed, rank or count.

Each keeps the fields that the caller sent, so that a provider of the same dialect
forwards what we do not understand; between dialects, `conversation()` reads them into
the inner form, once, when it is first wanted.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from roadbed.inference.conversation import Conversation, said

Fields = Mapping[str, msgspec.Raw]
"""The top-level fields of a JSON object, each as its bytes stood there."""


class ChatRequest(msgspec.Struct, kw_only=True):
    """What the caller asked for in a conversation.

    `fields` keeps every top-level field as it was sent, in the caller's dialect;
    `read` makes the inner form of them, and raises Invalid naming what it cannot read.
    `max_tokens` is the most that may be answered, if the caller said; `betas` are the
    names of unfinished features of the dialect that the caller asked for in a header.
    """

    fields: dict[str, msgspec.Raw]
    read: Callable[[Fields], Conversation]
    stream: bool = False
    wants_usage: bool = False
    max_tokens: int | None = None
    betas: tuple[str, ...] = ()
    inner: Conversation | None = None

    def conversation(self) -> Conversation:
        """Return what was asked, in the inner form; raise Invalid."""
        if self.inner is None:
            self.inner = self.read(self.fields)
        return self.inner

    def question(self) -> str:
        """Return the text of the last turn of the user, or an empty text."""
        for turn in reversed(self.conversation().turns):
            if turn.role == "user" and (text := said(turn.parts)):
                return text
        return ""


class CountRequest(ChatRequest, kw_only=True):
    """How many input tokens would this conversation be?"""


class EmbedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Texts, or lists of token numbers, to be turned into vectors."""

    fields: dict[str, msgspec.Raw]
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    base64: bool = False


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Documents to be put in the order in which they answer a query."""

    fields: dict[str, msgspec.Raw]
    query: str
    documents: tuple[str, ...]
    top_n: int | None = None
    return_documents: bool = False


TextRequest = ChatRequest | EmbedRequest | RerankRequest


def raw_fields(document: Mapping[str, Any]) -> dict[str, msgspec.Raw]:
    """Return a plain JSON object as top-level fields."""
    return {k: msgspec.Raw(msgspec.json.encode(v)) for k, v in document.items()}
