"""Hands things on to a collector in the background: in batches, and never in the way.

A thing is only put into a queue. When the collector is away the queue fills, and what
does not fit is dropped and counted.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from roadbed.core.errors import RoadbedError, TimedOut, Unavailable

CAPACITY = 10_000
BATCH = 500
EVERY_S = 1.0
LONGEST_S = 30.0
T = TypeVar("T")
_log = logging.getLogger("roadbed.gateway")


class Outflow(Generic[T]):
    """Sends what is put into it from a thread of its own.

    *send* hands a batch on and returns how much of it the collector would not have;
    *done* lets go of the connection; *what* names the things, for the log.
    """

    def __init__(
        self,
        send: Callable[[list[T]], int],
        done: Callable[[], object],
        what: str,
        *,
        capacity: int = CAPACITY,
        every_s: float = EVERY_S,
    ) -> None:
        self.exported = 0
        self.dropped = 0
        self._send, self._done, self._what = send, done, what
        self._capacity = capacity
        self._every_s = every_s
        self._queue: deque[T] = deque()
        self._stop = threading.Event()
        self._away = 0
        self._thread = threading.Thread(
            target=self._run, name=f"roadbed-{what}", daemon=True
        )

    @property
    def queued(self) -> int:
        """How many wait to be exported."""
        return len(self._queue)

    def put(self, item: T) -> None:
        """Queue *item*, or count it as dropped."""
        if len(self._queue) >= self._capacity:
            self.dropped += 1
            return
        self._queue.append(item)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Export what is queued if the collector is there, and stop. Blocks."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=LONGEST_S)
        self._done()

    def _run(self) -> None:
        while not self._stop.wait(self._patience()):
            self._drain()
        self._drain()
        self.dropped += len(self._queue)

    def _patience(self) -> float:
        """Return how long to wait: longer each time that the collector is away."""
        return min(self._every_s * 2.0**self._away, LONGEST_S)

    def _drain(self) -> None:
        """Export batch by batch until nothing is left, or the collector is away."""
        while self._queue:
            size = min(len(self._queue), BATCH)
            taken = [self._queue[at] for at in range(size)]
            if not self._export(taken):
                return
            for _ in taken:
                self._queue.popleft()

    def _export(self, taken: list[T]) -> bool:
        """Say whether these are done with, exported or given up."""
        try:
            refused = self._send(taken)
        except (Unavailable, TimedOut) as error:
            if not self._away:
                _log.warning("%s wait for their collector: %s", self._what, error)
            self._away = min(self._away + 1, 10)
            return False
        # Whatever an exporter raises, the thread goes on with what comes next.
        except Exception as error:  # noqa: BLE001
            told = error.message if isinstance(error, RoadbedError) else repr(error)
            _log.warning("%d %s were dropped: %s", len(taken), self._what, told)
            self.dropped += len(taken)
            return True
        self._away = 0
        self.exported += len(taken)
        if refused:
            _log.warning("the collector refused %d %s", refused, self._what)
        return True
