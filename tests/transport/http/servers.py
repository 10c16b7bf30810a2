"""Servers that say byte by byte what a test wants, on the test's own event loop."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress

from roadbed.transport.http.client import OwnClient
from roadbed.transport.limits import LATE, Limit

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
SHORT = OK + b"content-length: 2\r\n\r\nhi"


class Waits:
    """Limits of a call, as a client asks for them. Seconds."""

    def __init__(self, connect_s=10.0, first_s=20.0):
        self.connect_s = connect_s
        self.first_s = first_s

    def connect(self):
        return min(Limit(time.monotonic() + self.connect_s, LATE), self.first())

    def first(self):
        return soon(self.first_s, "it did not begin")


def soon(seconds=20.0, reached="it fell silent"):
    return Limit(time.monotonic() + seconds, reached)


class Server:
    """Reads requests, and gives each to *answer(server, writer)*."""

    def __init__(self, answer):
        self.answer = answer
        self.heads, self.bodies, self.connections = [], [], 0
        self.asked, self.lost = asyncio.Event(), asyncio.Event()

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head.decode("latin-1"))
                self.asked.set()
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
                if b"/unread" not in head:
                    self.bodies.append(await reader.readexactly(length))
                await self.answer(self, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            self.lost.set()
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer, tls=None):
    """Yield a Server and its URL; *answer* is bytes, or a coroutine function."""

    async def told(server, writer):
        writer.write(answer)

    server = Server(told if isinstance(answer, bytes) else answer)
    made = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = made.sockets[0].getsockname()[1]
    try:
        yield server, f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1"
    finally:
        made.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def client():
    made = OwnClient(private=True)
    try:
        yield made
    finally:
        await made.close()


async def fetch(client, url, body=b"{}", waits=None, headers=None):
    """Return status and body, read out and let go of."""
    answer = await client.post(url, body, headers or {}, waits or Waits())
    try:
        parts = []
        while piece := await answer.more(soon()):
            parts.append(piece)
        return answer.status, b"".join(parts)
    finally:
        answer.release()


def once(answer, **how):
    """Return status and body of one request to a server that answers so."""

    async def go():
        async with serving(answer) as (_, url), client() as made:
            return await fetch(made, url, **how)

    return asyncio.run(go())


def closing(data):
    """Return what answers with *data* and closes the connection."""

    async def answer(server, writer):
        writer.write(data)
        await writer.drain()
        raise ConnectionError

    return answer
