"""Sends the calls, each when it is due, and measures what comes back."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from roadbed.core.secret import Secret
from roadbed.loadtest.judge import Sample

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

MOST_AT_ONCE = 4_000
"""Calls under way beyond which this machine gives up sending more."""
_LAST = (b"data: [DONE]", b"event: message_stop", b"event: response.completed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where calls go: an address and a path, the key to show, and for how long."""

    url: str
    key: Secret
    timeout_s: float


Told = Callable[[Sample], None]
"""Is told of each call that has ended."""


async def drive(
    place: Place, due: Sequence[float], bodies: Sequence[bytes], told: Told
) -> list[Sample]:
    """Send each of *bodies* when it is *due*; return what became of each, in order."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=place.timeout_s)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        clock, tasks = time.monotonic() + 0.05, list[asyncio.Task[Sample]]()
        busy = _Busy()
        for moment, body in zip(due, bodies, strict=True):
            await asyncio.sleep(max(0.0, clock + moment - time.monotonic()))
            work = _one(session, place, body, (clock, moment), busy)
            task = asyncio.create_task(work)
            task.add_done_callback(lambda done: told(done.result()))
            tasks.append(task)
        return list(await asyncio.gather(*tasks))


class _Busy:
    count = 0


async def _one(
    session: "ClientSession",
    place: Place,
    body: bytes,
    when: tuple[float, float],
    busy: _Busy,
) -> Sample:
    import aiohttp

    clock, due = when
    begun = clock + due
    sample = Sample(due_s=due, late_s=max(0.0, time.monotonic() - begun))
    if busy.count >= MOST_AT_ONCE:
        return replace(sample, error="not_sent")
    busy.count += 1
    headers = {
        "Authorization": f"Bearer {place.key.reveal()}",
        "Content-Type": "application/json",
    }
    try:
        async with session.post(place.url, data=body, headers=headers) as response:
            return await _read(response, sample, begun)
    except TimeoutError:
        return replace(sample, error="timeout")
    except aiohttp.ClientError:
        return replace(sample, error="connection")
    finally:
        busy.count -= 1


async def _read(response: "ClientResponse", sample: Sample, begun: float) -> Sample:
    first, gap, before, tail = math.inf, 0.0, 0.0, b""
    streamed = response.content_type == "text/event-stream"
    async for piece in response.content.iter_any():
        now = time.monotonic() - begun
        if first is math.inf:
            first = now
        else:
            gap = max(gap, now - before)
        before, tail = now, (tail + piece)[-512:]
    total = time.monotonic() - begun
    error = _error(response.status, tail, streamed=streamed)
    return replace(
        sample,
        first_s=math.inf if error else first,
        total_s=math.inf if error else total,
        gap_s=gap,
        error=error,
        call_id=response.headers.get("x-roadbed-call", ""),
    )


def _error(status: int, tail: bytes, *, streamed: bool) -> str:
    """Return what went wrong, in a word; a stream without its end did."""
    if status != 200:
        return _code(tail) or f"http_{status}"
    if streamed and not any(mark in tail for mark in _LAST):
        return "truncated"
    return ""


def _code(body: bytes) -> str:
    try:
        said: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""
