"""Turns to do heavy work: a little of it at once, and hardly queued.

Whoever comes meanwhile waits for a moment and is then told to come back: a queue would
hold the threads that answer everybody else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from roadbed.core.errors import Overloaded


class Turns:
    """As many turns as *at_once*, in this process. Safe to share between threads.

    Whoever waited *patience_s* in vain is told that there is none: *busy* and *hint*.
    """

    def __init__(self, at_once: int, patience_s: float, busy: str, hint: str) -> None:
        self._free = BoundedSemaphore(at_once)
        self._patience_s = patience_s
        self._busy, self._hint = busy, hint

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Work for as long as this is open; raise Overloaded if there is no turn."""
        if not self._free.acquire(timeout=self._patience_s):
            raise Overloaded(self._busy, hint=self._hint)
        try:
            yield
        finally:
            self._free.release()
