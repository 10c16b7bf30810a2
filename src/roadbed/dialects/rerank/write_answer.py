"""Rerank: answering a caller."""

from collections.abc import Sequence
from typing import Any

import msgspec

from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import RerankRequest


def whole(call: Call, chunks: Sequence[Chunk]) -> bytes:
    """Return the results, the best one first, with their documents if asked for."""
    request, last = call.request, chunks[-1]
    assert isinstance(request, RerankRequest)
    results: list[dict[str, Any]] = []
    for at, score in last.ranking:
        result: dict[str, Any] = {"index": at, "relevance_score": score}
        if request.return_documents:
            result["document"] = {"text": request.documents[at]}
        results.append(result)
    document: dict[str, Any] = {
        "id": f"rerank-{call.id}",
        "object": "list",
        "model": call.endpoint,
        "results": results,
    }
    if last.usage is not None:
        document["usage"] = {"total_tokens": last.usage.input_tokens}
    return msgspec.json.encode(document)
