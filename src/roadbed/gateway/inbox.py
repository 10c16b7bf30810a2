"""What waits to be written: bounded, and asleep until there is something."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from roadbed.core.errors import RoadbedError
from roadbed.gateway.spool import Row


@dataclass(slots=True)
class Item:
    """One row, its size in characters, and who waits for it."""

    row: Row
    size: int
    waiter: "asyncio.Future[None] | None" = None


class Inbox:
    """A bounded queue between the event loop and the writer.

    An item takes up its room until the writer calls `done`, so rows that could
    not be written yet count as well.
    """

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._waiting: list[Item] = []
        self._asleep = False
        self._nudged = False
        self.closed = False
        self.items = 0
        self.bytes = 0

    def put(self, item: Item, wake: Callable[[], None] | None = None) -> bool:
        """Add *item*; False if there is no room for it, or no writer any more.

        One item is always let in, however large it is. If the writer sleeps it is
        woken, or *wake* is called, which sees to that: by calling `rouse` soon.
        """
        with self._lock:
            full = self.items >= self._max_items or (
                self.items > 0 and self.bytes + item.size > self._max_bytes
            )
            if self.closed or full:
                return False
            self._waiting.append(item)
            self.items += 1
            self.bytes += item.size
            if not self._asleep:
                return True
            self._asleep = False
            if wake is None:
                self._wake.notify()
        if wake is not None:
            wake()
        return True

    def rouse(self) -> None:
        """Wake the writer, for all that has gathered until now."""
        with self._lock:
            self._wake.notify()

    def take(self, timeout_s: float | None) -> list[Item]:
        """Return all that waits; sleep until there is something, or *timeout_s*."""
        with self._wake:
            if not (self._waiting or self.closed or self._nudged):
                self._asleep = True
                self._wake.wait(timeout_s)
                self._asleep = False
            self._nudged = False
            taken, self._waiting = self._waiting, []
        return taken

    def nudge(self) -> None:
        """Wake the writer although nothing waits."""
        with self._wake:
            self._nudged = True
            self._wake.notify()

    def done(self, items: Iterable[Item]) -> None:
        """Give back the room of *items*."""
        with self._lock:
            for item in items:
                self.items -= 1
                self.bytes -= item.size

    def close(self) -> None:
        """Let nothing in any more, and wake the writer."""
        with self._wake:
            self.closed = True
            self._wake.notify()


def settle(items: Iterable[Item], error: RoadbedError | None) -> None:
    """Tell those who wait for *items* that they are durable, or why they are not.

    From any thread; each event loop is woken once.
    """
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for item in items:
        if item.waiter is not None:
            loops.setdefault(item.waiter.get_loop(), []).append(item.waiter)
            item.waiter = None
    for loop, waiters in loops.items():
        if not loop.is_closed():
            _wake(loop, waiters, error)


def fail(waiter: "asyncio.Future[None]", error: RoadbedError) -> None:
    """Fail *waiter* in its own loop; a caller that has hung up need not look."""
    if not waiter.done():
        waiter.set_exception(error)
        waiter.exception()  # marks it as seen


def _wake(
    loop: asyncio.AbstractEventLoop,
    waiters: "list[asyncio.Future[None]]",
    error: RoadbedError | None,
) -> None:
    try:
        loop.call_soon_threadsafe(_tell, waiters, error)
    except RuntimeError:  # it was closed at this very moment
        return


def _tell(waiters: "list[asyncio.Future[None]]", error: RoadbedError | None) -> None:
    for waiter in waiters:
        if error is not None:
            fail(waiter, error)
        elif not waiter.done():
            waiter.set_result(None)
