"""The connections to one origin: kept, lent to one request at a time, and bounded."""

import asyncio
import time
from collections import deque

from roadbed.core.errors import TimedOut, Unavailable
from roadbed.transport.connector import Names, connected
from roadbed.transport.http.connection import Connection
from roadbed.transport.http.patience import Patience
from roadbed.transport.http.target import Origin
from roadbed.transport.limits import LATE, Limit, Limits, unreachable, unreached

MOST = 1_024
"""So many connections to one origin at most; whoever comes then waits for one."""
KEEP_S = 15.0
"""How long a connection that nobody uses is kept."""
SOON, SOON_S = "soon", 0.01
"""How long a connection whose last answer is about to end is waited for."""
DOUBT_S = 1.0
"""A connection that was idle for so long may have been closed without us knowing."""


class Connections:
    """Connections to one origin. The one that was used last is used first."""

    def __init__(
        self, origin: Origin, patience: Patience, *, private: bool, most: int = MOST
    ) -> None:
        self._names = Names(origin.host, origin.port)
        self._tls, self._private, self._most = origin.tls, private, most
        self._patience = patience
        self._idle: dict[Connection, None] = {}
        self._all: set[Connection] = set()
        self._lingering: set[Connection] = set()
        self._under_way = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def take(self, limits: Limits) -> Connection:
        """Return a connection that nobody uses, a new one if there is none.

        Raises Unavailable if there is none in time, and TimedOut at the call's limit.
        """
        if self._idle and (kept := await self._kept()) is not None:
            return kept
        soonest, waited = limits.connect(), False
        if len(self._queue) < len(self._lingering):
            await self._turn(min(soonest, Limit(time.monotonic() + SOON_S, SOON)))
        while (kept := await self._kept()) is None:
            if len(self._all) + self._under_way < self._most:
                return await self._new(soonest)
            await self._turn(soonest, first=waited)
            waited = True
        return kept

    def close(self) -> None:
        """Close all of them; what is under way breaks."""
        self._patience.forget(self)
        for one in list(self._all):
            one.close()

    async def _kept(self) -> Connection | None:
        """Return one that is idle; one that may have been closed may say so first."""
        while self._idle:
            one, _ = self._idle.popitem()
            if time.monotonic() - one.idle_since_s > DOUBT_S:
                try:
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                except BaseException:
                    one.close()
                    raise
            if one.open:
                return one
        return None

    async def _new(self, soonest: Limit) -> Connection:
        left_s = soonest.at_s - time.monotonic()
        self._under_way += 1
        try:
            async with asyncio.timeout(left_s):
                made = await connected(
                    self._names,
                    self._make,
                    tls=self._tls,
                    private=self._private,
                    patience_s=left_s,
                )
            if made.open:
                self._all.add(made)
            return made
        except TimeoutError:
            failure = _late(soonest)
        except OSError as error:
            failure = unreachable(error)
        finally:
            self._under_way -= 1
            self._call_next()
        raise failure

    def _make(self) -> Connection:
        return Connection(self._patience, self)

    async def _turn(self, soonest: Limit, *, first: bool = False) -> None:
        """Wait until a connection is free, or may be made."""
        turn = asyncio.get_running_loop().create_future()
        (self._queue.appendleft if first else self._queue.append)(turn)
        try:
            await self._patience.wait(turn, soonest)
            return
        except TimedOut:
            failure = _late(soonest)
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._call_next()  # it was ours, and we do not need it
            raise
        finally:
            if turn in self._queue:
                self._queue.remove(turn)
        if soonest.reached != SOON:
            raise failure

    def _call_next(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def given(self, one: Connection) -> None:
        """Keep *one* for whoever comes next."""
        self._lingering.discard(one)
        one.idle_since_s = time.monotonic()
        self._idle[one] = None
        if len(self._idle) == 1:
            self._patience.watch(self, one.idle_since_s + KEEP_S, self._tidy)
        self._call_next()

    def lingers(self, one: Connection) -> None:
        """Know that *one* comes back soon, or is lost."""
        self._lingering.add(one)

    def lost(self, one: Connection) -> None:
        """Forget *one*."""
        self._lingering.discard(one)
        self._idle.pop(one, None)
        self._all.discard(one)
        self._call_next()

    def _tidy(self) -> None:
        """Close what was idle for long, and come back for the rest."""
        old_s = time.monotonic() - KEEP_S
        for one in [one for one in self._idle if one.idle_since_s <= old_s]:
            one.close()
            del self._idle[one]
        if self._idle:
            first = next(iter(self._idle))
            self._patience.watch(self, first.idle_since_s + KEEP_S, self._tidy)


def _late(limit: Limit) -> TimedOut | Unavailable:
    return unreached(LATE) if limit.reached == LATE else TimedOut(limit.reached)
