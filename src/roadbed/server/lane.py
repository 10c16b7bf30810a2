"""Work in the background of an event loop, bounded in every way."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

WAITING = 64
WAITING_BYTES = 16 * 1024 * 1024
STOP_S = 2.0
_log = logging.getLogger("roadbed.server")
Work = Callable[[], Coroutine[Any, Any, None]]


class Lane:
    """Does what is offered, a few at once; what there is no room for is dropped."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: deque[tuple[int, Work]] = deque()
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, work: Work, size: int) -> None:
        """Do *work*, which keeps *size* bytes in memory, as soon as there is room."""
        full = len(self._waiting) >= WAITING or self._bytes + size > WAITING_BYTES
        if full or self._closed:
            self.dropped += 1
            return
        self._waiting.append((size, work))
        self._bytes += size
        if len(self._tasks) < self._at_once:
            task = asyncio.get_running_loop().create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until all that was offered is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Drop what waits, and let go of what is under way."""
        self._closed = True
        self.dropped += len(self._waiting)
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)

    async def _run(self) -> None:
        while self._waiting:
            size, work = self._waiting.popleft()
            self._bytes -= size
            try:
                await work()
            # A plug-in may raise anything; what follows is done all the same.
            except Exception as error:  # noqa: BLE001
                _log.warning("work in the background failed", exc_info=error)
