"""Heartbeats: a stream that has nothing to say yet shows that it is alive."""

import asyncio
from types import TracebackType
from typing import Self

from roadbed.inference.call import Call
from roadbed.server.errors import Headers
from roadbed.server.exchange import Exchange

EVENTS: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"),)


class Pulse:
    """Sends *heartbeat* whenever a stream was silent for as long as its terms allow.

    It begins the answer if nothing has. One timer belongs to the stream, none to its
    pieces. Whoever writes waits for a beat under way with `settled`, and says with
    `said` that something was written. `told` are the headers of an answer that it
    began, None if it began none.
    """

    def __init__(self, exchange: Exchange, call: Call, heartbeat: bytes) -> None:
        self._exchange = exchange
        self._call = call
        self._heartbeat = heartbeat
        self._every_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._last_s = self._loop.time()
        self._timer: asyncio.Handle | None = None
        self.beating: asyncio.Task[None] | None = None
        self.told: dict[str, str] | None = None

    async def __aenter__(self) -> Self:
        # The terms are known once the call was let in, before it waits for anything.
        if self._heartbeat:
            self._timer = self._loop.call_soon(self._start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.beating is not None:
            await self.settled()

    def said(self) -> None:
        """Note that something was written just now."""
        self._last_s = self._loop.time()

    async def settled(self) -> None:
        """Wait for the beat that is being written."""
        if self.beating is not None:
            await self.beating
            self.beating = None

    def _start(self) -> None:
        deployment = self._call.deployment
        if deployment is None or not deployment.terms.heartbeat_s:
            self._timer = None
            return
        self._every_s = deployment.terms.heartbeat_s
        self._look()

    def _look(self) -> None:
        """Beat if it is time, and look again when it may be."""
        due_s = self._last_s + self._every_s
        now_s = self._loop.time()
        if now_s >= due_s:
            due_s = now_s + self._every_s
            if self.beating is None or self.beating.done():
                self.beating = self._loop.create_task(self._beat())
        self._timer = self._loop.call_at(due_s, self._look)

    async def _beat(self) -> None:
        if not self._exchange.streaming:
            self.told = dict(self._call.told)
            await self._exchange.begin(EVENTS)
        await self._exchange.write(self._heartbeat)
        self.said()
