"""What is particular to Anthropic's Messages API, beside what all dialects share."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from roadbed.dialects.base import Spoken
from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import ChatRequest
from roadbed.server.dataplane import Asked, Dialect
from roadbed.server.errors import Headers, Reply
from roadbed.server.exchange import Exchange

_JSON: Headers = ((b"content-type", b"application/json"),)
_ESTIMATED: Headers = ((b"x-roadbed-estimated", b"true"),)
_BETA = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}")
_MOST_BETAS = 32


def with_betas(dialect: Dialect, exchange: Exchange) -> Dialect:
    """Return *dialect* for one request, which may ask for betas in a header."""
    listed = exchange.joined(b"anthropic-beta")
    if not listed:
        return dialect
    names = [name.strip() for name in listed.split(",")][:_MOST_BETAS]
    betas = tuple(name for name in names if _BETA.fullmatch(name))

    def read(body: bytes) -> Asked:
        asked = dialect.read(body)
        assert isinstance(asked.request, ChatRequest)
        asked.request.betas = betas
        return asked

    return replace(dialect, read=read)


async def answer_count(
    spoken: Spoken, exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]
) -> None:
    """Write the number of tokens, and in a header whether we only estimated it."""
    async with aclosing(chunks):
        pieces = [chunk async for chunk in chunks]
    estimated = any(chunk.usage and chunk.usage.estimated for chunk in pieces)
    headers = _JSON + _ESTIMATED if estimated else _JSON
    body = spoken.whole(call, pieces)
    await exchange.reply(Reply(status=200, headers=headers, body=body))
