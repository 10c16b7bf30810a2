"""Patience with all that is awaited: one timer for it, and none for each request."""

import asyncio
import math
import time
from collections.abc import Callable
from functools import partial

from roadbed.core.errors import TimedOut
from roadbed.transport.limits import Limit

GRAIN_S = 0.005
"""How long it takes at least from one look to the next."""


class Patience:
    """Ends what is awaited for too long.

    Its timer is set for the first moment at which anything may be due. Nearly all that
    is awaited comes before that, and leaves the timer as it is: so a busy replica looks
    once in the length of its shortest limit. Used from one event loop.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._awaited: dict[object, tuple[float, Callable[[], None]]] = {}
        self._due_s = math.inf
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, future: "asyncio.Future[None]", limit: Limit) -> None:
        """Wait for *future*; raise TimedOut at *limit*."""
        self.watch(future, limit.at_s, partial(_end, future, limit.reached))
        try:
            await future
        finally:
            self.forget(future)

    def watch(self, what: object, due_s: float, late: Callable[[], None]) -> None:
        """Call *late* after *due_s* (monotonic), unless *what* was forgotten."""
        self._awaited[what] = due_s, late
        if due_s < self._due_s:
            self._set(due_s)

    def forget(self, what: object) -> None:
        """Await *what* no longer."""
        self._awaited.pop(what, None)

    def close(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due_s = due_s
        wait_s = max(due_s - time.monotonic(), 0.0)
        self._timer = self._loop.call_later(wait_s, self._look)

    def _look(self) -> None:
        now_s = time.monotonic()
        self._timer, self._due_s = None, math.inf
        late = [what for what, (due_s, _) in self._awaited.items() if due_s <= now_s]
        for _, end in [self._awaited.pop(what) for what in late]:
            end()
        if self._awaited:
            next_s = min(due_s for due_s, _ in self._awaited.values())
            self._set(max(next_s, now_s + GRAIN_S))


def _end(future: "asyncio.Future[None]", reached: str) -> None:
    if not future.done():
        future.set_exception(TimedOut(reached))
