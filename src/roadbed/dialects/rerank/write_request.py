"""Rerank: asking an upstream."""

from msgspec import Raw
from msgspec.json import encode

from roadbed.inference.chat import Fields, RerankRequest


def write(request: RerankRequest) -> Fields:
    """Return the fields to send: what the caller sent, the documents as plain texts.

    The documents are not asked for: the answer repeats those that we were given.
    """
    kept = {k: v for k, v in request.fields.items() if k != "return_documents"}
    return {**kept, "documents": Raw(encode(request.documents))}
