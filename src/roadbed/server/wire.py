"""What stands between the socket and the application: patience has an end.

uvicorn bounds idle connections between requests. It bounds neither how slowly a
request's head may come, nor how long it may be, nor how long a client may leave an
answer unread. Here one sweep a second looks at all connections; no request has a
timer of its own.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from roadbed.server.limits import Limits

HEAD_BYTES = Limits().head_bytes
HEADERS = Limits().headers
URL_BYTES = Limits().url_bytes

_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 39\r\nconnection: close\r\n\r\n"
    b"The head of this request is too long.\r\n"
)


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with bounds on the head and on unread answers.

    `head_since` and `stalled_since` are loop times, 0 where nothing is awaited.
    """

    head_since = 0.0
    stalled_since = 0.0
    _head_bytes = 0
    _headers = 0
    _url_bytes = 0
    _in_head = True

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.head_since = self.loop.time()

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a head."""
        super().on_message_begin()
        self.head_since = self.loop.time()
        self._head_bytes = self._headers = self._url_bytes = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """Take in a piece of the address, and count it."""
        self._url_bytes += len(url)
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in one header, and count it."""
        self._headers += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop waiting: the head is there."""
        self.head_since = 0.0
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take in bytes; a head that never ends is refused before it fills memory."""
        if self._in_head:
            # httptools keeps an unfinished header to itself, so count pieces too.
            self._head_bytes += len(data) if self._head_bytes else 0
            if self._head_bytes > 2 * HEAD_BYTES:
                self._refuse()
                return
        super().data_received(data)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self.stalled_since = self.loop.time()

    def resume_writing(self) -> None:
        """Stop waiting: the client reads again."""
        super().resume_writing()
        self.stalled_since = 0.0

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._is_too_long():
            raise ValueError("the head is too long")

    def _is_too_long(self) -> bool:
        long = self._head_bytes > HEAD_BYTES or self._url_bytes > URL_BYTES
        return long or self._headers > HEADERS

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or an HTTP head beyond all bounds."""
        if self._is_too_long():
            self._refuse()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        self.transport.write(_TOO_LONG)
        self.transport.close()


async def sweep(connections: Iterable[PatientProtocol], limits: Limits) -> None:
    """Close, for ever, the connections among *connections* that kept us waiting."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(limits.sweep_seconds)
        now = loop.time()
        for connection in list(connections):
            if is_late(connection, now, limits):
                connection.transport.abort()


def is_late(connection: PatientProtocol, now: float, limits: Limits) -> bool:
    """Say whether the head is overdue, or the client has stopped reading."""
    head, stall = connection.head_since, connection.stalled_since
    late = bool(head) and now - head > limits.head_seconds
    return late or (bool(stall) and now - stall > limits.stall_seconds)
