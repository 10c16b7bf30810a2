"""Random bytes, fetched from the system for many askers at once."""

import os
from collections import deque

_AT_ONCE = 128


class Fresh:
    """Gives *size* unpredictable bytes at each call, and never the same ones twice.

    Asking the system for each few bytes costs a call into the kernel, and hands the
    interpreter to another thread. Safe from any thread, and in a forked child.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._ready: deque[bytes] = deque()
        os.register_at_fork(after_in_child=self._ready.clear)

    def __call__(self) -> bytes:
        """Return the next bytes."""
        try:
            return self._ready.popleft()
        except IndexError:
            return self._fetched()

    def _fetched(self) -> bytes:
        size = self._size
        many = os.urandom(size * _AT_ONCE)
        first, *others = [many[at : at + size] for at in range(0, len(many), size)]
        self._ready.extend(others)
        return first
