"""What stands between the socket and the application: patience has an end.

uvicorn bounds idle connections between requests. It bounds neither how slowly a
request's head may come, nor how long it may be, nor how long a client may leave an
answer unread. Here one sweep a second looks at all connections, also at those that
lie idle; no request has a timer of its own.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

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


class Cycle(RequestResponseCycle):
    """One request and its answer, with short ways for whoever knows of them.

    ASGI takes a body and gives an answer message by message. Most bodies have come,
    and most answers are known, as a whole: `taken` and `whole` are for these.
    `on_gone` is called when the client hangs up before it has its answer.
    """

    on_gone: Callable[[], None] | None = None

    def forget(self) -> None:
        """Tell nobody any more when the client hangs up."""
        self.on_gone = None

    def taken(self) -> bytes | None:
        """Return the whole body if all of it is here; None: it has to be received."""
        if self.more_body or self.disconnected or self.waiting_for_100_continue:
            return None
        body, self.body = bytes(self.body), bytearray()
        self.flow.resume_reading()
        self.message_event.clear()
        return body

    def whole(
        self, status: int, lines: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> bool:
        """Write an answer at once; False if it has to be sent message by message.

        *lines* have its length, and nothing about the connection.
        """
        paused = self.flow.write_paused or self.disconnected
        if paused or self.response_started or self.scope["method"] == "HEAD":
            return False
        head = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *lines):
            head += name, b": ", value, b"\r\n"
        if HEADER_VALUE_RE.search(b"".join(head[3::4])):
            raise RuntimeError("Invalid HTTP header value.")
        head.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self.response_started = self.response_complete = True
        self.transport.writelines((b"".join(head), body))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True


def cycle_of(receive: object) -> Cycle | None:
    """Return whose *receive* this is; None if another server than ours gave it."""
    owner = getattr(receive, "__self__", None)
    return owner if isinstance(owner, Cycle) else None


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with bounds on the head, on unread answers and on idleness.

    `head_since`, `stalled_since` and `idle_since` are loop times, 0 where nothing is
    awaited.
    """

    head_since = 0.0
    stalled_since = 0.0
    idle_since = 0.0
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
        self._head_bytes += len(url)
        if self._url_bytes > URL_BYTES or self._head_bytes > HEAD_BYTES:
            raise ValueError("the address is too long")
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in one header, and count it."""
        self._headers += 1
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES or self._headers > HEADERS:
            raise ValueError("the head is too long")
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Stop waiting: the head is there, and the request begins."""
        self.head_since = 0.0
        self._in_head = False
        parser, scope, app = self.parser, self.scope, cast(Any, self.app)
        assert parser is not None
        version = scope["http_version"] = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        keeps = version != "1.0" and parser.should_keep_alive()
        before, self.cycle = self.cycle, self._cycle(keeps)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:  # it came before the answer to the one before
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _cycle(self, keeps: bool) -> Cycle:
        return Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keeps,
            on_response=self.on_response_complete,
        )

    def on_response_complete(self) -> None:
        """Begin with the next request that is here, or begin to lie idle."""
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.idle_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is answering that the client has gone."""
        super().connection_lost(exc)
        cycle = self.cycle
        if isinstance(cycle, Cycle) and not cycle.response_complete and cycle.on_gone:
            cycle.on_gone()

    def data_received(self, data: bytes) -> None:
        """Take in bytes; a head that never ends is refused before it fills memory."""
        self.idle_since = 0.0
        if self._in_head and self._head_bytes:
            # httptools keeps an unfinished header to itself, so count pieces too.
            self._head_bytes += len(data)
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
            elif is_idle(connection, now, limits):
                connection.transport.close()


def is_late(connection: PatientProtocol, now: float, limits: Limits) -> bool:
    """Say whether the head is overdue, or the client has stopped reading."""
    head, stall = connection.head_since, connection.stalled_since
    late = bool(head) and now - head > limits.head_seconds
    return late or (bool(stall) and now - stall > limits.stall_seconds)


def is_idle(connection: PatientProtocol, now: float, limits: Limits) -> bool:
    """Say whether the client has asked for nothing for long."""
    since = connection.idle_since
    return bool(since) and now - since > limits.idle_seconds
