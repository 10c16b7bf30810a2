"""The server: it listens as its first behaviour says, and answers one after another."""

import asyncio
import json
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from roadbed.core.errors import NotFound
from roadbed.testing.upstream.asked import Received, read_request
from roadbed.testing.upstream.behaviour import Behaviour
from roadbed.testing.upstream.behaviours import BEHAVIOURS
from roadbed.testing.upstream.certificate import context
from roadbed.testing.upstream.route import read_at, speech_at
from roadbed.testing.upstream.send import Sender
from roadbed.testing.upstream.speech import answered

_CROWD = 8


@dataclass(slots=True)
class _Thread:
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: threading.Thread | None = field(default=None)


class Upstream:
    """The server, as a context manager. Raises NotFound for an unknown behaviour.

    *served* is the model name it claims to have served, instead of the one asked.
    With *spares_reads*, a GET is always answered well.
    """

    def __init__(
        self, *behaviours: str | Behaviour, served: str = "", spares_reads: bool = False
    ) -> None:
        self.behaviours = tuple(_named(b) for b in behaviours or ("well",))
        self.served = served
        self.spares_reads = spares_reads
        self.requests: list[Received] = []
        self.connections = 0
        # Named as TCP, so that asyncio sends small pieces at once (TCP_NODELAY).
        tcp = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket = socket.socket(*tcp)
        self._crowd: list[socket.socket] = []
        self._asked = 0
        self._running: _Thread | None = None

    @property
    def origin(self) -> str:
        """Where it is, without a path: `http://127.0.0.1:<port>`."""
        scheme = "https" if self.behaviours[0].tls else "http"
        return f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client: `http://127.0.0.1:<port>/v1`."""
        return f"{self.origin}/v1"

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        first = self.behaviours[0]
        if first.door:
            self._shut(full=first.door == "full")
        elif first.listens:
            started: Future[_Thread] = Future()
            thread = threading.Thread(target=self._run, args=(started,), daemon=True)
            thread.start()
            self._running = started.result(timeout=10)
            self._running.thread = thread
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None and self._running.thread is not None:
            self._running.loop.call_soon_threadsafe(self._running.stop.set)
            self._running.thread.join(timeout=10)
        for held in (*self._crowd, self._socket):
            held.close()

    def _shut(self, *, full: bool) -> None:
        """Let the system take connections that nobody reads, few or none of them."""
        self._socket.listen(0 if full else 128)
        for _ in range(_CROWD if full else 0):
            waiting = socket.socket()
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(self._socket.getsockname())
            self._crowd.append(waiting)

    def _run(self, started: "Future[_Thread]") -> None:
        asyncio.run(self._listen(started))

    async def _listen(self, started: "Future[_Thread]") -> None:
        kind = self.behaviours[0].tls
        server = await asyncio.start_server(
            self._connection, sock=self._socket, ssl=context(kind) if kind else None
        )
        stop = asyncio.Event()
        started.set_result(_Thread(asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        used = False
        try:
            while (request := await read_request(reader)) is not None:
                how = self._next(request)
                self.requests.append(request)
                if how.drops == "at-once" or (how.drops == "reused" and used):
                    return
                await self._reply(writer, request, how)
                used = True
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the caller left, or the test is over: nobody is there to tell
        finally:
            writer.close()

    def _next(self, request: Received) -> Behaviour:
        if self.spares_reads and request.method != "POST":
            return BEHAVIOURS["well"]
        self._asked += 1
        return self.behaviours[min(self._asked, len(self.behaviours)) - 1]

    async def _reply(
        self, writer: asyncio.StreamWriter, request: Received, how: Behaviour
    ) -> None:
        speech = speech_at(request.path)
        sender = Sender(writer, how, speech)
        await asyncio.sleep(how.wait_s)
        if how.raw:
            writer.write(how.raw)
            await writer.drain()
            raise ConnectionResetError
        if how.body is not None:
            return await sender.body(request)
        if request.method == "GET":
            listing = json.dumps(read_at(request.path)).encode()
            return await sender.whole(listing, {})
        said = answered(speech, request, how, self.served)
        if speech.streams(request):
            return await sender.stream(said)
        await sender.answer(said, request)


def _named(behaviour: str | Behaviour) -> Behaviour:
    if isinstance(behaviour, Behaviour):
        return behaviour
    if behaviour not in BEHAVIOURS:
        known = ", ".join(BEHAVIOURS)
        raise NotFound(f"no behaviour is called {behaviour!r}", hint=f"one of {known}")
    return BEHAVIOURS[behaviour]
