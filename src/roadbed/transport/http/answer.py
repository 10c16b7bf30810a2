"""What comes back: a head, and a body that is read as it comes."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from roadbed.core.errors import ProviderError, Truncated, Unavailable
from roadbed.transport.http.patience import Patience
from roadbed.transport.http.zipped import Unzipped, unzipper
from roadbed.transport.limits import Limit

HIGH, LOW = 512 * 1024, 64 * 1024
"""A body that lies unread for so many bytes is not read on from the socket, until."""
BROKE = "the connection to the provider broke"
NOT_HTTP = "the provider does not speak proper HTTP"


class Answer(Protocol):
    """An answer under way. It is let go of by `release`, whatever happens."""

    @property
    def status(self) -> int:
        """Return the status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers, by their names in any letters."""
        ...

    @property
    def content_type(self) -> str:
        """Return the media type alone, in small letters."""
        ...

    async def more(self, limit: Limit) -> bytes:
        """Return the next bytes of the body, none at its end.

        Raises TimedOut at *limit*, Truncated if the connection breaks, and
        ProviderError for what is no HTTP.
        """
        ...

    def leave(self) -> None:
        """Say that nothing more of the body is wanted, though its end may follow."""
        ...

    def release(self) -> None:
        """Give the connection back, or close it if the answer was not read out."""
        ...


class Headers(dict[str, str]):
    """Headers by their names in any letters; of a name that came twice, both values."""

    def __init__(self, lines: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__()
        for raw, value in lines:
            name, text = raw.decode("latin-1").lower(), value.decode("latin-1").strip()
            self[name] = f"{self[name]}, {text}" if name in self else text

    def get(self, key: str, default: str = "") -> str:  # pyright: ignore
        """Return the header *key*, or *default*."""
        return super().get(key.lower(), default)


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type in *headers*, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


class Incoming:
    """The answer on one connection of our own. An `Answer`.

    *flow* is told whether to read on (True) or to stop, *ended* that it was let go of:
    whether the end of the body may still come.
    """

    __slots__ = (
        "_ended",
        "_error",
        "_flow",
        "_parts",
        "_patience",
        "_paused",
        "_size",
        "_unzipped",
        "_waiter",
        "content_type",
        "headers",
        "left",
        "status",
        "whole",
    )  # fmt: skip

    def __init__(
        self,
        patience: Patience,
        flow: Callable[[bool], None],
        ended: Callable[[bool], None],
    ) -> None:
        self.status = 0
        self.headers: Headers = _NONE
        self.content_type = ""
        self.whole = self.left = False
        self._patience, self._flow, self._ended = patience, flow, ended
        self._parts: deque[bytes] = deque()
        self._size, self._paused = 0, False
        self._unzipped: Unzipped | None = None
        self._error: ProviderError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def begun(self, limit: Limit) -> None:
        """Wait for the head; raise Unavailable if the connection breaks before it."""
        while not self.status and self._error is None:
            await self._wait(limit)
        if not self.status and self._error is not None:
            raise self._error

    async def more(self, limit: Limit) -> bytes:
        """Return the next bytes of the body, none at its end."""
        while True:
            if piece := self._here():
                return piece
            if self._error is not None:
                raise self._error
            if self.whole:
                if self._unzipped is not None:
                    self._unzipped.end()
                return b""
            await self._wait(limit)

    def leave(self) -> None:
        """Say that nothing more of the body is wanted, though its end may follow."""
        self.left = True

    def release(self) -> None:
        """Give the connection back, or close it if the answer was not read out."""
        self._parts.clear()
        ended, self._ended = self._ended, _nothing
        ended(self.left)

    # What the connection says.

    def heads(self, status: int, headers: Headers) -> None:
        """Take in the head; raise ProviderError if its body cannot be read."""
        self.headers, self.content_type = headers, media_type(headers)
        self._unzipped = unzipper(headers.get("content-encoding"))
        self.status = status
        self._wake()

    def body(self, data: bytes) -> None:
        """Take in a piece of the body."""
        if self.left:
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > HIGH and not self._paused:
            self._paused = True
            self._flow(False)
        self._wake()

    def ends(self) -> None:
        """Take in that the body is whole."""
        self.whole = True
        self._wake()

    def fails(self, error: ProviderError) -> None:
        """Take in that there is no more to come, and why."""
        if not self.whole and self._error is None:
            self._error = error
            self._wake()

    def breaks(self) -> None:
        """Take in that the connection is lost."""
        self.fails(Truncated(BROKE) if self.status else Unavailable(BROKE))

    def _here(self) -> bytes:
        """Return what has come already."""
        if self._unzipped is None:
            return self._taken()
        while True:
            if piece := self._unzipped.next():
                return piece
            if not (raw := self._taken()):
                return b""
            self._unzipped.feed(raw)

    def _taken(self) -> bytes:
        parts = self._parts
        if not parts:
            return b""
        data = parts.popleft() if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._flow(True)
        return data

    async def _wait(self, limit: Limit) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._patience.wait(self._waiter, limit)
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _nothing(left: bool) -> None:
    return None


_NONE = Headers(())
