"""What reads or hashes much is done for one caller at a time, and hardly queued.

Whoever comes meanwhile waits for a moment and is then told to come back: a queue would
hold the threads that answer everybody else.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from roadbed.core.errors import Overloaded

PATIENCE_S = 1.0


class Heavy:
    """A turn to do heavy work in this process. Safe to share between threads."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._free = threading.Lock()
        self._patience_s = patience_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Work while nobody else does; raise Overloaded if somebody goes on."""
        if not self._free.acquire(timeout=self._patience_s):
            raise Overloaded(
                "this server verifies or compares something else just now",
                hint="ask again in a moment; the command line does not wait for it",
            )
        try:
            yield
        finally:
            self._free.release()
