"""Embeddings: answering a caller."""

from collections.abc import Sequence
from typing import Any

import msgspec

from roadbed.dialects.embeddings.parse_request import DIALECT
from roadbed.dialects.embeddings.vectors import encoded
from roadbed.dialects.openai.write_answer import forward
from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import EmbedRequest


def whole(call: Call, chunks: Sequence[Chunk]) -> bytes:
    """Return the list of vectors; a provider's own is shown as it came."""
    last = chunks[-1]
    if last.raw is not None and last.dialect == DIALECT:
        return forward(last.raw, call.endpoint)
    assert isinstance(call.request, EmbedRequest)
    shown = encoded if call.request.base64 else list
    data = [
        {"object": "embedding", "index": at, "embedding": shown(vector)}
        for at, vector in enumerate(last.vectors)
    ]
    document: dict[str, Any] = {"object": "list", "data": data, "model": call.endpoint}
    if last.usage is not None:
        count = last.usage.input_tokens
        document["usage"] = {"prompt_tokens": count, "total_tokens": count}
    return msgspec.json.encode(document)
