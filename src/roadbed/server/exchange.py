"""One HTTP request on the data plane, and the answer to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from roadbed.core.errors import Invalid, NotReady, RoadbedError, TooLarge
from roadbed.identity.dpop import Bound, Possession
from roadbed.server.errors import Headers, Reply, TooSlow
from roadbed.server.limits import Limits, Room
from roadbed.server.spelling import MESSAGES, Spell, is_under, spelling_of
from roadbed.server.wire import cycle_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


ALWAYS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
"""On every answer of the data plane."""


def path_of(scope: Message) -> str:
    """Return the path of a request as it was sent, without the query."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1").partition("?")[0] if raw else scope["path"]


_TWO_KEYS = "two different keys came, in x-api-key and in Authorization"


class Gone(Exception):
    """The client closed the connection: there is nobody left to answer."""


class Exchange:
    """One request, read within limits, and its answer, whole or piece by piece.

    Every answer carries `x-roadbed-call`; callers of Anthropic's dialect have it as
    `request-id` too, where their clients look. `started` says that the status line
    is out; `streaming`, that an error can only be told inside the body: by `failed`.
    `told` are headers of the call's.
    """

    def __init__(
        self,
        scope: Message,
        receive: Receive,
        send: Send,
        call_id: str,
        bounds: tuple[Limits, Room],
        possession: Possession,
    ) -> None:
        self.scope = scope
        self.call_id = call_id
        self.possession = possession
        self.limits, self._room = bounds
        self._held = 0
        self.started = False
        self.streaming = False
        path = scope["path"]
        self._messages = path.startswith(MESSAGES) and is_under(MESSAGES, path)
        self.failed: Callable[[RoadbedError], bytes] = _unshown
        self.told: Mapping[str, str] = {}
        self._receive = receive
        self._send = send
        self._cycle = cycle_of(receive)
        self._headers = dict(scope["headers"])
        self._shown: str | None = None
        self._whole = False

    @property
    def method(self) -> str:
        """Return the request's method; HEAD is answered as GET without the body."""
        method = self.scope["method"]
        return "GET" if method == "HEAD" else method

    @property
    def spell(self) -> Spell:
        """Return what spells an error in the caller's dialect."""
        return spelling_of(self.scope["path"], self.call_id)

    @property
    def path(self) -> str:
        """Return the decoded path that was asked for."""
        return self.scope["path"]

    def header(self, name: bytes) -> str:
        """Return the header *name* (small letters), or an empty text."""
        return self._headers.get(name, b"").decode("latin-1")

    def texts(self, *names: bytes) -> list[str]:
        """Return the headers of these *names*, empty texts for those that are not."""
        given = self._headers
        return [given[n].decode("latin-1") if n in given else "" for n in names]

    def joined(self, name: bytes) -> str:
        """Return all headers called *name* as one, with commas between them."""
        lines = (v for k, v in self.scope["headers"] if k == name)
        return b",".join(lines).decode("latin-1")

    @property
    def credential(self) -> str:
        """Return the token that came, with what it proves, or an empty text.

        Callers of Anthropic's dialect may send it as `x-api-key` instead.
        """
        if self._shown is None:
            self._shown = self._credential()
        return self._shown

    def _credential(self) -> str:
        authorization, proof = self.texts(b"authorization", b"dpop")
        if authorization.startswith("Bearer "):
            shown = authorization[7:].strip()
        else:
            method, path = self.scope["method"], path_of(self.scope)
            shown = self.possession.shown(authorization, proof, method, path)
        key = self.header(b"x-api-key").strip() if self._messages else ""
        if key and shown and key != shown:
            return Bound.of(shown, fault=_TWO_KEYS)
        return shown or key

    @property
    def announced(self) -> int | None:
        """Return how long the body is, None if that is not said."""
        told = self._headers.get(b"content-length", b"")
        return int(told) if told.isdigit() else None

    async def body(self, limit: int) -> bytes:
        """Return the whole request body.

        Raises TooLarge as soon as more than *limit* bytes are announced or have
        come, TooSlow if it takes too long, NotReady if large requests have taken
        all the room there is, Gone if the client leaves.
        """
        if self.header(b"content-encoding") not in ("", "identity"):
            raise Invalid(
                "compressed request bodies are not accepted",
                hint="send the body without Content-Encoding",
            )
        announced = self.announced
        if announced is not None and announced > limit:
            raise _too_large(limit)
        taken = self._cycle.taken() if self._cycle else None
        if taken is not None:
            self._whole = True
            return _within(taken, limit)
        first = await self._next()
        if self._whole:
            return _within(first.get("body", b""), limit)
        seconds = self.limits.body_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._rest(first, limit)
        except TimeoutError:
            raise TooSlow(f"the body did not arrive within {seconds:g} s") from None

    async def _rest(self, first: Message, limit: int) -> bytes:
        parts, size, message = [], 0, first
        while True:
            if message["type"] == "http.disconnect":
                raise Gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise _too_large(limit)
            self._hold(len(parts[-1]))
            if self._whole:
                return b"".join(parts)
            message = await self._next()

    def _hold(self, count: int) -> None:
        if not self._room.take(count):
            raise NotReady(
                "too many large requests are under way", hint="try again shortly"
            )
        self._held += count

    def close(self) -> None:
        """Give back the room that the request's body took."""
        self._room.give(self._held)
        self._held = 0

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._whole = True
        return message

    def on_gone(self, tell: Callable[[], None]) -> Callable[[], object]:
        """Let *tell* be called when the client hangs up; return what ends that.

        *tell* is called by the event loop, never by whoever writes the answer.
        """
        cycle = self._cycle
        if cycle is None:
            return asyncio.create_task(self._await_end(tell)).cancel
        if cycle.disconnected:
            return asyncio.get_running_loop().call_soon(tell).cancel
        cycle.on_gone = tell
        return cycle.forget

    async def _await_end(self, tell: Callable[[], None]) -> None:
        while (await self._next())["type"] != "http.disconnect":
            pass
        tell()

    async def reply(self, reply: Reply) -> None:
        """Write a whole answer."""
        if not self._whole and self.method != "GET":
            await self._reply_and_linger(reply)
            return
        lines = self._lines(reply.headers, len(reply.body))
        self.started = True
        if self._cycle and self._cycle.whole(reply.status, lines, reply.body):
            return
        await self._start(reply.status, lines)
        await self._send({"type": "http.response.body", "body": reply.body})

    async def begin(self, headers: Headers) -> None:
        """Start an answer of status 200 whose length is not known yet."""
        self.streaming = True
        await self._start(200, self._lines(headers, None))

    async def write(self, data: bytes) -> None:
        """Write one piece; waits while the client is slower than we are."""
        await self._send(
            {"type": "http.response.body", "body": data, "more_body": True}
        )

    async def end(self, data: bytes = b"") -> None:
        """Write the last piece of an answer that was written in pieces."""
        await self._send({"type": "http.response.body", "body": data})

    def _lines(self, headers: Headers, length: int | None) -> list[tuple[bytes, bytes]]:
        call_id = self.call_id.encode()
        lines = [*headers, *ALWAYS, (b"x-roadbed-call", call_id)]
        if self._messages:
            lines.append((b"request-id", call_id))
        if self.told:
            lines += [(k.encode(), v.encode()) for k, v in self.told.items()]
        if length is not None:
            lines.append((b"content-length", b"%d" % length))
        return lines

    async def _start(self, status: int, lines: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send(
            {"type": "http.response.start", "status": status, "headers": lines}
        )

    async def _reply_and_linger(self, reply: Reply) -> None:
        """Answer before the body has been read, then read on for a while.

        Closing a socket that still receives resets it, and the client would never
        see why. So the answer goes out, what still comes is thrown away within
        bounds, and then the connection is closed.
        """
        headers = (*reply.headers, (b"connection", b"close"))
        await self._start(reply.status, self._lines(headers, len(reply.body)))
        await self.write(reply.body)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.linger_seconds):
                await self._discard()
        await self.end()

    async def _discard(self) -> None:
        size, left = 0, False
        while not (self._whole or left) and size < self.limits.linger_bytes:
            message = await self._next()
            size += len(message.get("body", b""))
            left = message["type"] == "http.disconnect"


def _unshown(error: RoadbedError) -> bytes:
    return b""  # nothing is streamed without a view that replaces this


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the request body is larger than {limit} bytes",
        hint="send less, or raise ROADBED_MAX_BODY_BYTES on the server",
    )
