"""The Open Inference Protocol v2 over HTTP: answers with tensors, JSON and binary."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from roadbed import __version__
from roadbed.dialects.oip import DIALECT, EXTENSIONS
from roadbed.dialects.oip.parse_request import InferRequest, read
from roadbed.dialects.oip.write_answer import model_document, whole
from roadbed.inference.call import Call, Chunk
from roadbed.inference.tensor import Tensor
from roadbed.server.answer import tell_tries
from roadbed.server.errors import Headers, Reply
from roadbed.server.exchange import Exchange

__all__ = ["DIALECT", "SERVER", "InferRequest", "answer", "model_document", "read"]

SERVER = {"name": "roadbed", "version": __version__, "extensions": list(EXTENSIONS)}

_JSON: Headers = ((b"content-type", b"application/json"),)


async def answer(exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]) -> None:
    """Write the answer to *call* once the path has ended."""
    tensors: tuple[Tensor, ...] = ()
    async with aclosing(chunks):
        async for chunk in chunks:
            tensors = chunk.tensors or tensors
    tell_tries(call)
    await exchange.reply(show(call, tensors))


def show(call: Call, tensors: tuple[Tensor, ...]) -> Reply:
    """Return the answer with *tensors*, each in JSON or binary as it was asked for."""
    body, json_length = whole(call, tensors)
    if not json_length:
        return Reply(status=200, headers=_JSON, body=body)
    headers = (
        (b"content-type", b"application/octet-stream"),
        (b"inference-header-content-length", json_length.encode()),
    )
    return Reply(status=200, headers=headers, body=body)
