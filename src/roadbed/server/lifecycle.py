"""What begins with the server and ends with it, in which order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from roadbed.core.errors import RoadbedError
from roadbed.server.chores import Chores
from roadbed.server.denials import DenialWriter
from roadbed.server.reload import Reloader
from roadbed.server.switch import Held, Switch, held_by

CLOSE_SECONDS = 20.0
_log = logging.getLogger("roadbed.server")


class Closer:
    """Closes runners and providers in the background, and waits for them at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def discard(self, unused: list[Held]) -> None:
        """Close *unused*, soon and in this order."""
        task = asyncio.get_running_loop().create_task(close_all(unused))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Return when everything has been closed, or has had its time."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)


@dataclass(kw_only=True)
class Lifecycle:
    """Starts the parts one after the other, and stops them the other way round.

    `begin` and `end` are what the call log and the database need: plain blocking
    functions, called in threads. `end` runs after the last answer: it seals. `cease` is
    what goes on in the background of the event loop: it ends first.
    """

    switch: Switch
    closer: Closer
    reloader: Reloader
    denials: DenialWriter
    chores: Chores
    begin: Sequence[Callable[[], object]] = ()
    end: Sequence[Callable[[], object]] = ()
    cease: Sequence[Callable[[], Awaitable[object]]] = ()
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Begin everything; if one part cannot, end those that did, and raise."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(_each, self.end)
            for work in self.begin:
                await asyncio.to_thread(work)
            self.denials.start()
            stack.push_async_callback(_quietly, self.denials.stop)
            await self.reloader.start()
            stack.push_async_callback(self._close)
            stack.push_async_callback(_quietly, self.reloader.stop)
            self.chores.start()
            stack.push_async_callback(_quietly, self.chores.stop)
            for work in self.cease:
                stack.push_async_callback(work)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        """End everything, the last to begin first."""
        await self._stack.aclose()

    async def _close(self) -> None:
        """Close what is still held open."""
        serving = self.switch.serving
        if serving is not None:
            self.closer.discard(held_by(serving))
        await self.closer.wait()


async def close_all(unused: Sequence[Held]) -> None:
    """Close each of *unused*; one that fails does not keep the next one open."""
    for held in unused:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await held.close()
        # A plug-in may raise anything; it is going away in any case.
        except Exception as error:  # noqa: BLE001
            _log.warning("%s did not close", type(held).__name__, exc_info=error)


async def _each(works: Sequence[Callable[[], Any]]) -> None:
    for work in works:
        await _quietly(work)


async def _quietly(work: Callable[[], Any]) -> None:
    """Do *work* in a thread; what goes wrong at the end must not hide the rest."""
    try:
        await asyncio.to_thread(work)
    except RoadbedError as error:
        _log.warning("while stopping: %s", error.message)
    except Exception as error:  # noqa: BLE001
        _log.warning("while stopping", exc_info=error)
