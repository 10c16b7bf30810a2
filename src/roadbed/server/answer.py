"""Answers a call in any dialect that text is asked for in: as it comes, or whole."""

from collections.abc import AsyncGenerator

from roadbed.dialects.base import Spoken
from roadbed.inference.call import Attempt, Call, Chunk
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
    tell_tries(call)
    await exchange.reply(Reply(status=200, headers=_JSON, body=body))


def tell_tries(call: Call) -> None:
    """Let the headers say how often we asked, who answered, and what was not asked."""
    tries = call.attempts
    if not tries:
        return
    by: Attempt | None = tries[-1]
    if len(tries) > 1:
        # Of two that were asked at once, the one that lost may have begun last.
        by = next((t for t in reversed(tries) if t.status in ("", "ok")), None)
    call.told["x-roadbed-attempts"] = str(len(tries))
    if by is not None:
        call.told["x-roadbed-model"] = by.model
        if by.unsaid:
            call.told["x-roadbed-unsaid"] = by.unsaid


async def _stream(
    spoken: Spoken, exchange: Exchange, call: Call, chunks: AsyncGenerator[Chunk]
) -> None:
    """Write the answer event by event, and show in between that it is under way."""
    assert spoken.view is not None
    view = spoken.view(call)
    async with Pulse(exchange, call, spoken.heartbeat) as pulse:
        exchange.failed = lambda error: view.failed(error) + _late(call, pulse)
        async for chunk in chunks:
            data = view.show(chunk)
            if not data:
                continue
            if pulse.beating is not None:
                await pulse.settled()
            if not exchange.streaming:
                tell_tries(call)
                await exchange.begin(EVENTS)
            await exchange.write(data)
            pulse.said()
    if not exchange.streaming:
        tell_tries(call)
        await exchange.begin(EVENTS)
    await exchange.end(view.last() + _late(call, pulse))


def _late(call: Call, pulse: Pulse) -> bytes:
    """Return as comments what was not known yet when a heartbeat sent the headers."""
    if pulse.told is None:
        return b""
    tell_tries(call)
    lines = [f": {k}: {v}\n" for k, v in call.told.items() if pulse.told.get(k) != v]
    return "".join([*lines, "\n"]).encode() if lines else b""
