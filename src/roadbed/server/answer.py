"""Answers a call in any dialect that text is asked for in: as it comes, or whole."""

from collections.abc import AsyncGenerator

from roadbed.dialects.base import Spoken
from roadbed.inference.call import Call, Chunk
from roadbed.server.errors import Headers, Reply
from roadbed.server.exchange import Exchange
from roadbed.server.pulse import EVENTS, Pulse

_JSON: Headers = ((b"content-type", b"application/json"),)


async def answer(
    spoken: Spoken, exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]
) -> None:
    """Write the answer to *call* as it comes, or whole, as the caller asked."""
    try:
        if getattr(call.request, "stream", False):
            await _stream(spoken, exchange, call, chunks)
            return
        pieces = [chunk async for chunk in chunks]
    except BaseException:
        await chunks.aclose()
        raise
    body = spoken.whole(call, pieces)
    headers = (*_JSON, *told(call))
    await exchange.reply(Reply(status=200, headers=headers, body=body))


def told(call: Call) -> Headers:
    """Return what the headers say of an answer: how often we asked, and who gave it."""
    tries = call.attempts
    if not tries:
        return ()
    by = tries[-1]
    if len(tries) > 1:
        # Of two that were asked at once, the one that lost may have begun last.
        by = next((t for t in reversed(tries) if t.status in ("", "ok")), by)
    count = b"%d" % len(tries)
    return (b"x-roadbed-attempts", count), (b"x-roadbed-model", by.model.encode())


async def _stream(
    spoken: Spoken, exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]
) -> None:
    """Write the answer event by event, and show in between that it is under way."""
    assert spoken.view is not None
    view = spoken.view(call)
    exchange.failed = view.failed
    async with Pulse(exchange, call, spoken.heartbeat) as pulse:
        async for chunk in chunks:
            data = view.show(chunk)
            if not data:
                continue
            if pulse.beating is not None:
                await pulse.settled()
            if not exchange.streaming:
                await exchange.begin((*EVENTS, *told(call)))
            await exchange.write(data)
            pulse.said()
    if not exchange.streaming:
        await exchange.begin((*EVENTS, *told(call)))
    await exchange.end(view.last())
