"""Answers how many tokens there are, and says whether that is our estimate."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from roadbed.dialects.base import Spoken
from roadbed.inference.call import Call, Chunk
from roadbed.server.errors import Headers, Reply
from roadbed.server.exchange import Exchange

_JSON: Headers = ((b"content-type", b"application/json"),)
_ESTIMATED: Headers = (*_JSON, (b"x-roadbed-estimated", b"true"))


async def answer_count(
    spoken: Spoken, exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]
) -> None:
    """Write the number of tokens, and in a header whether we only estimated it."""
    async with aclosing(chunks):
        pieces = [chunk async for chunk in chunks]
    estimated = any(chunk.usage and chunk.usage.estimated for chunk in pieces)
    headers = _ESTIMATED if estimated else _JSON
    body = spoken.whole(call, pieces)
    await exchange.reply(Reply(status=200, headers=headers, body=body))
