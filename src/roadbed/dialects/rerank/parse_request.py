"""Rerank: what a caller asks."""

from typing import Any

import msgspec

from roadbed.dialects.fields import FLAG, TEXT, begin, take, wrong
from roadbed.inference.chat import RerankRequest

DIALECT = "rerank"


class _Document(msgspec.Struct):
    text: str


_DOCUMENTS = msgspec.json.Decoder(list[str | _Document] | None)
_COUNT = msgspec.json.Decoder(int | None)


def read(body: bytes) -> tuple[str, RerankRequest]:
    """Return the model's name and the request; raise Invalid naming the field."""
    model, fields = begin(body)
    query = take(fields, "query", TEXT)
    if not query:
        raise wrong("query", "query is missing: the text to order the documents by")
    top_n = take(fields, "top_n", _COUNT)
    if top_n is not None and top_n < 1:
        raise wrong("top_n", "top_n is a number from 1")
    documents: list[Any] | None = take(fields, "documents", _DOCUMENTS)
    if not documents:
        raise wrong("documents", "documents is missing: a list of texts")
    return model, RerankRequest(
        fields=fields,
        query=query,
        documents=tuple(d if isinstance(d, str) else d.text for d in documents),
        top_n=top_n,
        return_documents=bool(take(fields, "return_documents", FLAG)),
    )
