"""One question on its way upstream, and all the calls that wait for its answer."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from roadbed.inference.call import Call, Chunk


class Flight:
    """Reads an answer once, in a task of its own, for any number of readers.

    So a reader who is slow or leaves holds up nobody. `call` is the one that asked;
    *landed* is told once when the answer has ended, before any reader hears of it.
    """

    def __init__(
        self,
        call: Call,
        answer: AsyncGenerator[Chunk],
        landed: Callable[["Flight"], None],
    ) -> None:
        self.call = call
        self._landed = landed
        self.chunks: list[Chunk] = []
        self.done = False
        self.error: Exception | None = None
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []
        self._readers = 0
        self.task = self._loop.create_task(self._fly())

    @property
    def open(self) -> bool:
        """Say whether one more reader may join: its answer will come to an end."""
        alone = self.call.left and not self.call.followers
        return not alone and not self.done

    async def read(self) -> AsyncGenerator[Chunk]:
        """Yield the answer from its beginning; raise what ended it.

        When its last reader has left, the upstream is let go of.
        """
        self._readers += 1
        at = 0
        try:
            while True:
                while at < len(self.chunks):
                    yield self.chunks[at]
                    at += 1
                if self.done:
                    break
                moved = self._loop.create_future()
                self._waiting.append(moved)
                await moved
            if self.error is not None:
                raise self.error
        finally:
            self._readers -= 1
            if not self._readers:
                await self._land()

    async def _fly(self) -> None:
        try:
            async for chunk in self._answer:
                self.chunks.append(chunk)
                if self._waiting:
                    self._move()
        # Whatever it is, it is raised again where somebody waits for the answer.
        except Exception as error:  # noqa: BLE001
            self.error = error
        finally:
            await self._answer.aclose()
            self._end()

    def _end(self) -> None:
        self.done = True
        self._landed(self)
        self._move()

    def _move(self) -> None:
        waiting, self._waiting = self._waiting, []
        for moved in waiting:
            if not moved.done():
                moved.set_result(None)

    async def _land(self) -> None:
        """End the task: by itself if it is over, otherwise by letting go."""
        if self.done:
            return
        self.task.cancel()
        await asyncio.wait([self.task])
        if not self.done:  # it was let go of before it had begun
            self._end()
