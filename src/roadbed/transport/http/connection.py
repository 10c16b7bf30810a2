"""One connection: requests go out on it, one after another, and answers come back."""

import asyncio
import time
from collections import deque
from typing import Any, Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from roadbed.core.errors import ProviderError
from roadbed.transport.http.answer import NOT_HTTP, Headers, Incoming
from roadbed.transport.http.patience import Patience
from roadbed.transport.limits import Limit

HEAD_BYTES, HEADERS = 64 * 1024, 256
"""The longest head of an answer, with all that came before and after it."""
PIECE = 256 * 1024
"""From so many bytes on a body is sent piece by piece, and others get their turn."""
LINGER_S = 0.05
"""How long the end of a body may take that nobody waits for."""


class _Unasked(ValueError):
    """The server speaks out of turn, or at too great length."""


class Home(Protocol):
    """Whose connections they are."""

    def given(self, one: "Connection") -> None:
        """Take back *one*, which can be asked again."""
        ...

    def lingers(self, one: "Connection") -> None:
        """Know that *one* comes back soon, or is lost."""
        ...

    def lost(self, one: "Connection") -> None:
        """Forget *one*, which cannot be asked again."""
        ...


class Connection(asyncio.Protocol):
    """A connection of HTTP/1.1 that is asked one thing at a time.

    It is used again only if both sides are at the end of an exchange and know it.
    """

    def __init__(self, patience: Patience, home: Home) -> None:
        self.idle_since_s = 0.0
        self.open = True
        self._patience, self._home = patience, home
        self._parts: deque[bytes] = deque()
        self.on_body = self._parts.append  # a stream has many, and each costs a call
        self._parser: Any = HttpResponseParser(self)
        self._transport: Any = None
        self._answer: Incoming | None = None
        self._lines: list[tuple[bytes, bytes]] = []
        self._size = self._fed = 0
        self._interim = self._headless = self._keep = self._until_close = False
        self._sending = False
        self._writable: asyncio.Future[None] | None = None
        self._lingers = False

    async def ask(self, head: bytes, body: bytes, limit: Limit) -> Incoming:
        """Send a request and return its answer once that has begun.

        Raises what goes wrong before, and closes the connection then.
        """
        answer = Incoming(self._patience, self._flow, self._ended)
        self._answer = answer
        self._lines, self._size, self._fed = [], 0, 0
        self._keep = self._until_close = False
        self._headless = head.startswith(b"HEAD ")
        if not self.open:
            answer.breaks()
        try:
            if len(body) < PIECE:
                self._transport.write(head + body)
            else:
                await self._send(head, body, answer, limit)
            await answer.begun(limit)
        except BaseException:
            self.close()
            raise
        return answer

    def close(self) -> None:
        """Close it at once; what is under way on it breaks."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    async def _send(
        self, head: bytes, body: bytes, answer: Incoming, limit: Limit
    ) -> None:
        """Send piece by piece, until all is sent or an answer has come already."""
        self._sending = True
        self._transport.write(head)
        rest = memoryview(body)
        while rest and self.open and not answer.status:
            self._transport.write(rest[:PIECE])
            rest = rest[PIECE:]
            if self._writable is not None:
                await self._patience.wait(self._writable, limit)
            else:
                await asyncio.sleep(0)
        self._sending = bool(rest)

    # What the event loop says.

    def connection_made(self, transport: Any) -> None:
        """Take the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in bytes; those that nobody asked for end the connection."""
        answer = self._answer
        if answer is None or answer.whole:
            self.close()
            return
        try:
            self._feed(data, answer)
        except (HttpParserError, HttpParserUpgrade, _Unasked):
            answer.fails(ProviderError(NOT_HTTP))
            self.close()

    def _feed(self, data: bytes, answer: Incoming) -> None:
        try:
            self._parser.feed_data(data)
        finally:
            self._hand_over(answer)
        if not answer.status:
            # The parser keeps an unfinished header to itself, so count bytes too.
            self._fed += len(data)
            if self._fed > 2 * HEAD_BYTES:
                raise _Unasked

    def _hand_over(self, answer: Incoming) -> None:
        """Give what one read had of a body to its answer, all at once."""
        parts = self._parts
        if parts:
            answer.body(parts[0] if len(parts) == 1 else b"".join(parts))
            parts.clear()

    def eof_received(self) -> None:
        """Take in that nothing more comes."""
        self._stop(clean=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that the connection is gone."""
        self._stop(clean=exc is None)
        self._patience.forget(self)
        self._parser = None
        self._home.lost(self)

    def pause_writing(self) -> None:
        """Wait for a server that does not read."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Go on: the server reads."""
        self._go_on()

    def _go_on(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def _stop(self, *, clean: bool) -> None:
        was_open, self.open = self.open, False
        self._go_on()
        answer = self._answer
        if answer is None:
            return
        if clean and was_open and self._until_close and answer.status:
            answer.ends()
        else:
            answer.breaks()

    # What the parser says.

    def on_message_begin(self) -> None:
        """Begin an answer, or refuse to: it may be one that nobody asked for."""
        if self._answer is None or self._answer.whole:
            raise _Unasked

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in one header, and count it; also those behind the body."""
        self._size += len(name) + len(value)
        self._lines.append((name, value))
        if self._size > HEAD_BYTES or len(self._lines) > HEADERS:
            raise _Unasked

    def on_headers_complete(self) -> None:
        """Take in a head; one that only says that the real one follows is none."""
        answer, status = self._answer, self._parser.get_status_code()
        assert answer is not None
        self._interim = status < 200
        if self._interim:
            return
        headers = Headers(self._lines)
        coding = headers.get("transfer-encoding").lower()
        if coding not in ("", "chunked"):
            raise _Unasked
        bare = self._headless or status in (204, 304)
        self._until_close = not (coding or bare or headers.get("content-length"))
        try:
            answer.heads(status, headers)
        except ProviderError as error:
            answer.fails(error)
            self.close()
        self._go_on()
        if self._headless:
            answer.ends()

    def on_message_complete(self) -> None:
        """Take in the end of an answer."""
        answer = self._answer
        if answer is None or self._interim:
            return
        self._keep = self._parser.should_keep_alive() and not self._headless
        self._hand_over(answer)
        answer.ends()
        if self._lingers:
            self._give()

    # What the answer says.

    def _flow(self, on: bool) -> None:
        if not self.open:
            return
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _ended(self, left: bool) -> None:
        """Be free again, or not: what is not read out may be answered for a moment."""
        answer = self._answer
        if answer is None or not self.open:
            return
        if answer.whole:
            self._give()
        elif left and answer.status:
            self._flow(True)
            self._lingers = True
            self._home.lingers(self)
            self._patience.watch(self, time.monotonic() + LINGER_S, self.close)
        else:
            self.close()

    def _give(self) -> None:
        if self._lingers:
            self._lingers = False
            self._patience.forget(self)
        self._answer = None
        at_rest = not self._sending and not self._transport.get_write_buffer_size()
        if self._keep and self.open and at_rest:
            self._home.given(self)
        else:
            self.close()
