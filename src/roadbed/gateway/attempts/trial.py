"""One attempt at one upstream: paid for, put down in the call, and judged, once."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from roadbed.core.errors import ProviderError, RoadbedError, TimedOut, Truncated
from roadbed.gateway.attempts.decide import is_fault, was_sent
from roadbed.gateway.attempts.health import Place
from roadbed.inference.call import Attempt, Call, Chunk, Outcome, Usage
from roadbed.inference.purse import Hold, Purse

UNFINISHED = "the provider stopped before it had finished"


class Tools(NamedTuple):
    """What attempts work with: whoever keeps the money, and a monotonic clock."""

    purse: Purse
    now_s: Callable[[], float]


class Trial:
    """An answer under way at one upstream.

    `held` are the pieces that came before there was something to show, and the first
    one that shows something; `chunks` are those that follow. `finished` says that the
    provider said so, and `before` is the chain of what failed before it.
    """

    __slots__ = (
        "_begun_s", "_call", "_epoch", "_hold", "_outcome", "_said", "_tools",
        "_usage", "attempt", "before", "chunks", "finished", "fresh", "held", "place",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        outcome: Outcome,
        place: Place,
        tools: Tools,
        *,
        hedge: bool = False,
    ) -> None:
        self._call, self._outcome, self._tools = call, outcome, tools
        self.place = place
        upstream = place.upstream
        self.attempt = Attempt(
            model=place.model,
            provider=upstream.provider,
            upstream=place.name,
            hedge=hedge,
        )
        self.chunks: AsyncGenerator[Chunk] = upstream.runner.send(call)
        self.held: list[Chunk] = []
        self.before: tuple[str, ...] = ()
        self.finished = False
        self.fresh = True
        self._hold: Hold | None = None
        self._said = 0
        self._usage: Usage | None = None

    async def begin(self, share_s: float | None = None) -> None:
        """Wait until there is something to show, for *share_s* at most.

        Raises what went wrong before that; the attempt has ended then.
        """
        call, place = self._call, self.place
        self._hold = await self._tools.purse.hold(call, place.choice, place.upstream)
        call.mark("hold")
        self._start()
        first = self._first() if share_s is None else self._first_within(share_s)
        try:
            await first
        except BaseException as error:
            await self.close(error)
            raise
        call.mark("first")

    def take(self, chunk: Chunk) -> None:
        """Count *chunk* as a piece of the answer."""
        if chunk.text:
            self._said += len(chunk.text)
        else:
            self._said += len(chunk.thinking) + len(chunk.refusal)
            for piece in chunk.tools:
                self._said += len(piece.arguments)
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.finish:
            self.finished = True

    async def close(self, error: BaseException | None) -> None:
        """End the attempt with *error*, None if all went well; once is enough."""
        self.end(error)
        await self.chunks.aclose()

    def end(self, error: BaseException | None) -> None:
        """Settle, judge, and put down how it ended, unless that was done before."""
        hold, self._hold = self._hold, None
        if hold is None:
            return
        sent = error is None or was_sent(error)
        bill = hold.settle(self._usage, self._said, sent=sent)
        outcome, attempt, now_s = self._outcome, self.attempt, self._tools.now_s()
        outcome.cost_nano += bill.cost_nano
        outcome.price = bill.price or outcome.price
        attempt.cost_nano = bill.cost_nano
        attempt.latency_us = int((now_s - self._begun_s) * 1e6)
        attempt.status = "ok" if error is None else _word(error)
        # Of the answer that was shown; else of what was paid for, and nobody saw.
        counts = not self.fresh or outcome.usage is None
        if counts and not isinstance(error, Lost):
            outcome.usage = bill.usage or outcome.usage
        health = self.place.health
        health.under_way -= 1
        if error is None:
            health.breaker.succeeded(self._epoch, now_s)
        else:
            self._judge(error, now_s)

    def _start(self) -> None:
        now_s, health = self._tools.now_s(), self.place.health
        self._begun_s = now_s
        self._epoch = health.breaker.begin(now_s)
        health.under_way += 1
        self.attempt.started_us = int((now_s - self._call.started_ns / 1e9) * 1e6)
        self._call.attempts.append(self.attempt)

    async def _first(self) -> None:
        async for chunk in self.chunks:
            self.take(chunk)
            self.held.append(chunk)
            if chunk.text or chunk.finish or _shows(chunk):
                now_s = self._tools.now_s()
                took_s = now_s - self._begun_s
                self.fresh = False
                self.attempt.first_us = int(took_s * 1e6)
                if len(self.place.choice.upstreams) > 1:
                    self.place.health.observe(took_s, now_s)
                return
        raise Truncated(UNFINISHED)

    async def _first_within(self, share_s: float) -> None:
        limit = asyncio.timeout(share_s)
        try:
            async with limit:
                await self._first()
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimedOut(
                f"the provider did not begin to answer within {share_s * 1e3:.0f} ms, "
                "its share of the deadline"
            ) from None

    def _judge(self, error: BaseException, now_s: float) -> None:
        breaker = self.place.health.breaker
        if not isinstance(error, ProviderError):
            breaker.abandoned(self._epoch)
        elif not is_fault(error):
            breaker.succeeded(self._epoch, now_s)
        elif isinstance(error, TimedOut) and not self.fresh:
            breaker.abandoned(self._epoch)  # it was answering, only for long
        else:
            breaker.failed(self._epoch, now_s)
        wait_s = getattr(error, "retry_after_s", None)
        if wait_s and isinstance(error, ProviderError):
            breaker.leave(now_s, wait_s)


class Lost(Exception):
    """Another attempt of the same call was faster."""


Fallen = list[tuple[Trial, RoadbedError]]
"""Attempts that failed, and what they failed with, in this order."""


def _word(error: BaseException) -> str:
    """Return how the record calls an end with *error*."""
    if isinstance(error, RoadbedError):
        return error.code
    if isinstance(error, Lost):
        return "lost"
    gone = isinstance(error, asyncio.CancelledError | GeneratorExit)
    return "cancelled" if gone else "internal"


def _shows(chunk: Chunk) -> bool:
    """Say whether *chunk*, without text or an end, tells a caller anything."""
    return bool(
        chunk.tools
        or chunk.thinking
        or chunk.tensors
        or chunk.vectors
        or chunk.ranking
        or chunk.refusal
        or chunk.signature
        or chunk.annotations
    )
