"""How memory grows: 50,000 calls of ten kinds, good ones and bad ones.

```
python bench/memory.py             # 50,000 calls, several minutes (`make soak`)
python bench/memory.py 5000        # fewer
```

One `roadbed up` with everything on, before an upstream that answers well. Of twenty
calls six are whole, six streamed, two of a prompt of 75 KB, two for a model whose
provider is gone so that another stands in; two are left in their middle, one asks for
what is not there, one sends what is not JSON. There are a thousand questions, so that
the cache is asked for answers that it has and that it has not. Printed is the resident
memory of the server, and the most that the helpers beside it had; then the slope of a
line through the second half, when what has a bound has met it, in KB per 1,000 calls.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import gateway
from gateway import (
    free_port,
    launch,
    read_answer,
    request,
    resident_mb,
    roadbed,
    tree,
    wait_for,
    with_group,
)
from peers import Gap, Place, Start

from roadbed.testing.upstream import Upstream

CALLS, CALLERS, SAMPLES, QUESTIONS, LARGE = 50_000, 8, 100, 1_000, 100
KINDS = ("whole", "stream") * 3 + ("large", "fallback", "abort", "unknown")
KINDS += ("whole", "stream") * 3 + ("large", "fallback", "abort", "spoilt")
MODELS = {"unknown": "nobody", "fallback": "lost"}
LOST = """
---
apiVersion: roadbed/v1
kind: Provider
metadata: {{name: gone}}
spec:
  type: openai
  config: {{base_url: "http://127.0.0.1:9/v1", private: true}}
---
apiVersion: roadbed/v1
kind: Model
metadata: {{name: lost}}
spec:
  owner: bench
  hosted: {{provider: gone, upstream: gpt-4o-2024-08-06}}
---
apiVersion: roadbed/v1
kind: Endpoint
metadata: {{name: lost}}
spec:
  model: lost@1
  fallback: [support@1]
"""
Seen = Sequence[tuple[int, float, float]]


def main(calls: int) -> None:
    """Measure, and print what was found."""
    gateway.STACK += LOST
    with Upstream("well") as upstream, tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), free_port(), upstream.url)
        _, start = roadbed("Roadbed", place)
        server = launch(start, place.folder)
        try:
            port = wait_for(server, start, place)
            seen = asyncio.run(Soak(start, port, server.pid, upstream).run(calls))
        finally:
            with_group(server.pid, signal.SIGTERM)
            server.wait(30)
    report(calls, seen)


def report(calls: int, seen: Seen) -> None:
    """Print the memory now and then, and its slope."""
    settled = seen[len(seen) // 2 :]
    print(f"{calls} calls: {', '.join(dict.fromkeys(KINDS))}")
    for at, mb, _ in (s for s in seen if s[0] in (1_000, 10_000)):
        print(f"  {at:6} {mb:8.1f} MB resident")
    for when, at in (("start", seen[0]), ("middle", settled[0]), ("end", seen[-1])):
        print(f"  {when:6} {at[1]:8.1f} MB resident")
    print(f"  most   {max(mb for _, mb, _ in seen):8.1f} MB resident")
    print(f"  helper {max(mb for _, _, mb in seen):8.1f} MB resident, at most")
    found = slope(settled)
    print(
        f"  slope  {found * 1e6:8.1f} KB per 1,000 calls, second half "
        f"({found * 1e4:.2f} MB per 10,000)"
    )


class Soak:
    """Calls of every kind to one server, whose memory is looked at now and then."""

    def __init__(self, start: Start, port: int, pid: int, upstream: Upstream) -> None:
        self.start, self.port, self.pid = start, port, pid
        self.upstream = upstream

    async def run(self, calls: int) -> Seen:
        """Make all calls; return how many were made and the memory in MB."""
        todo, seen = iter(range(calls)), [self.look(0)]
        every = max(1, calls // SAMPLES)

        async def caller() -> None:
            for number in todo:
                await self.call(number, KINDS[number % len(KINDS)])
                if number and number % every == 0:
                    self.upstream.requests.clear()
                    seen.append(self.look(number))

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return [*seen, self.look(calls)]

    def look(self, number: int) -> tuple[int, float, float]:
        """Return the memory of the server, and of its helpers, after so many calls."""
        helpers = [pid for pid in tree(self.pid) if pid != self.pid]
        return number, resident_mb(self.pid), sum(map(resident_mb, helpers))

    async def call(self, number: int, kind: str) -> None:
        """Make one call of *kind*, on a connection of its own."""
        start = replace(self.start, model=MODELS.get(kind, self.start.model))
        stream, times = kind in ("stream", "abort"), LARGE if kind == "large" else 1
        asked = request(start, number % QUESTIONS, stream=stream, times=times)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(asked[:-1] + b"{" if kind == "spoilt" else asked)
        if kind == "abort":
            await reader.readuntil(b"data:")
            writer.transport.abort()
        elif kind in ("unknown", "spoilt"):
            with suppress(Gap):
                await read_answer(reader)
                sys.exit(f"{kind}: it was answered well")
        else:
            await read_answer(reader)
        writer.close()


def slope(seen: Seen) -> float:
    """Return the slope of the line of least squares through the server's memory."""
    middle = [sum(column) / len(seen) for column in zip(*seen, strict=True)]
    over = sum((x - middle[0]) * (y - middle[1]) for x, y, _ in seen)
    return over / sum((x - middle[0]) ** 2 for x, _, _ in seen)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CALLS)
