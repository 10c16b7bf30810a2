"""What governing a call costs: CPU per 1 KB chat, beside a bare pass-through.

```
python bench/gateway.py            # 2,000 calls each way, about half a minute
python bench/gateway.py 500        # fewer
```

Both servers run under the same uvicorn, in a process of their own, before the same
upstream; what is printed is the CPU time of that process per call. The ratio of the
two is what stays comparable between machines.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from roadbed.access.authority import compile_policies
from roadbed.adapters.providers.openai import Config, provider
from roadbed.app import App, initialise, open_app
from roadbed.control.serve import Serving
from roadbed.core.actor import Principal
from roadbed.identity.tokens import credential_digest
from roadbed.inference.provider import Provider, Runner
from roadbed.inference.snapshot import Deployment, ModelVersion, Snapshot
from roadbed.server.asgi import make_asgi
from roadbed.server.lifecycle import Closer
from roadbed.server.main import Parts, assemble, limits_of
from roadbed.server.serve import Server, listen, serve
from roadbed.settings import Settings
from roadbed.testing.upstream import Upstream

CALLS, WARM_UP, CALLERS = 2_000, 200, 8
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
KEY = "rbk_bench_" + "0" * 64
QUESTION = "Is the train on time? " + "Please answer in one word. " * 34
EVENTS = len(f"You said: {QUESTION}".split(" ")) + 3
BODY = {"model": "support", "messages": [{"role": "user", "content": QUESTION}]}


def main(calls: int) -> None:
    """Measure both servers and print one line each."""
    print(f"{calls} calls of {len(json.dumps(BODY))} bytes, {CALLERS} callers at once")
    with Upstream("well") as upstream:
        bare = measure("bare", upstream.url, calls)
        governed = measure("governed", upstream.url, calls)
        stream = measure("governed", upstream.url, calls, stream=True)
    print(f"  bare pass-through   {bare:7.0f} µs CPU per call")
    ratio = f"{governed / bare:.2f} x bare"
    print(f"  governed            {governed:7.0f} µs CPU per call, {ratio}")
    print(f"  governed, streamed  {stream / EVENTS:7.1f} µs CPU per event of {EVENTS}")


def measure(kind: str, upstream: str, calls: int, *, stream: bool = False) -> float:
    """Return the CPU microseconds that a server of *kind* spends on one call."""
    port = free_port()
    server = subprocess.Popen([sys.executable, __file__, kind, str(port), upstream])
    try:
        wait_for(port)
        body = json.dumps(BODY | {"stream": stream}).encode()
        asyncio.run(load(port, body, WARM_UP))
        before = cpu_s(server.pid)
        asyncio.run(load(port, body, calls))
        return (cpu_s(server.pid) - before) / calls * 1e6
    finally:
        server.terminate()
        server.wait(30)


async def load(port: int, body: bytes, calls: int) -> None:
    """Send *calls* requests over a few kept-alive connections."""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\n"
        f"authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    left = [calls]

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left[0] > 0:
            left[0] -= 1
            writer.write(head + body)
            await read_answer(reader)
        writer.close()

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


async def read_answer(reader: asyncio.StreamReader) -> None:
    """Read one whole answer; fail unless it is a 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        sys.exit(f"the server answered {head!r}")
    if b"transfer-encoding: chunked" in head:
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
        return
    length = head.split(b"content-length: ")[1].split(b"\r\n")[0]
    await reader.readexactly(int(length))


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and its children, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[n]) for n in range(11, 15)) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    """Return when somebody listens on *port*."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the server did not start")


class Bare:
    """A pass-through that governs nothing: read, forward, write."""

    def __init__(self, upstream: str) -> None:
        self.url = f"{upstream}/chat/completions"
        self.session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or live and end with the server."""
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message.get("more_body", False)
        given = {"content-type": "application/json"}
        assert self.session is not None
        async with self.session.post(self.url, data=body, headers=given) as answer:
            told = await answer.read()
        length = (b"content-length", str(len(told)).encode())
        headers = [(b"content-type", b"application/json"), length]
        start = {"type": "http.response.start", "status": answer.status}
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": told})

    async def live(self, receive: Receive, send: Send) -> None:
        """Open the connections at the start and close them at the end."""
        await receive()
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.session.close()
        await send({"type": "lifespan.shutdown.complete"})


@dataclass(frozen=True)
class Life:
    """The call log and the one endpoint of a governed server."""

    parts: Parts
    provider: Provider
    runner: Runner

    async def start(self) -> None:
        """Begin to record, and serve."""
        self.parts.recorder.start()
        serving = Serving(
            snapshot=snapshot_of(self.runner),
            providers={"up": self.provider},
            runners={("up", "support"): self.runner},
        )
        self.parts.switch.swap(serving)

    async def stop(self) -> None:
        """End it."""
        await self.runner.close()
        await self.provider.close()
        await asyncio.to_thread(self.parts.recorder.close)


VERSION = ModelVersion(
    model="support",
    number=1,
    digest="sha256:bench",
    definition={"hosted": {"provider": "up", "upstream": "gpt-bench-2024-08-06"}},
)


def snapshot_of(runner: Runner) -> Snapshot:
    """Return a snapshot with one endpoint and one caller."""
    caller = Principal(
        kind="service-account",
        name="bench",
        roles=frozenset({"app"}),
        expires_us=2**62,
    )
    support = Deployment(
        endpoint="support", version=VERSION, provider="up", runner=runner
    )
    return Snapshot(
        revision=1,
        digest="sha256:bench",
        authority=compile_policies({}),
        credentials={credential_digest(KEY): caller},
        deployments={"support": support},
    )


def serve_bare(port: int, upstream: str) -> None:
    """Serve the upstream as it is."""
    config = uvicorn.Config(
        Bare(upstream), port=port, log_config=None, access_log=False
    )
    uvicorn.Server(config).run()


def serve_governed(port: int, upstream: str) -> None:
    """Serve the upstream by the governed path, each call durably on record."""
    with tempfile.TemporaryDirectory(prefix="roadbed-bench-") as folder:
        settings = Settings(state=Path(folder) / ".roadbed")
        initialise(settings)
        app = open_app(settings)
        run_governed(app, port, upstream)
        app.close()


def run_governed(app: App, port: int, upstream: str) -> None:
    """Serve until told to stop."""

    async def nothing(scope: Message, receive: Receive, send: Send) -> None:
        raise NotImplementedError

    maker = provider(Config(base_url=upstream, private=True), app.blobs, app.secrets)
    parts = assemble(app, Closer())
    server = Server(
        make_asgi(parts.plane, nothing, frozenset({"bench"})), limits_of(app)
    )
    life = Life(parts=parts, provider=maker, runner=maker.open(VERSION))
    serve(server, life, listen("127.0.0.1", port))


SERVERS = {"bare": serve_bare, "governed": serve_governed}

if __name__ == "__main__":
    words = sys.argv[1:]
    if words and words[0] in SERVERS:
        SERVERS[words[0]](int(words[1]), words[2])
    else:
        main(int(words[0]) if words else CALLS)
