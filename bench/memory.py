"""How memory grows: 50,000 calls that are whole, streamed, abandoned and refused.

```
python bench/memory.py             # 50,000 calls, several minutes (`make soak`)
python bench/memory.py 5000        # fewer
```

One `roadbed up` with everything on, before an upstream that answers well. Of ten calls
four are whole, three streamed, one is left in its middle, one asks for what is not
there, one sends what is not JSON; there are a thousand questions, so that the cache is
asked for answers that it has and that it has not. Printed is the resident memory of the
process tree at the start, in the middle and at the end, and the slope of a line through
the second half, when what has a bound has met it, in KB per 1,000 calls.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gateway import (
    free_port,
    launch,
    memory_mb,
    read_answer,
    request,
    roadbed,
    wait_for,
    with_group,
)
from peers import Gap, Place, Start

from roadbed.testing.upstream import Upstream

CALLS, CALLERS, SAMPLES, QUESTIONS = 50_000, 8, 40, 1_000
KINDS = ("whole",) * 4 + ("stream",) * 3 + ("abort", "unknown", "spoilt")
Seen = Sequence[tuple[int, float]]


def main(calls: int) -> None:
    """Measure, and print what was found."""
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
    settled = seen[len(seen) // 2 :]
    print(f"{calls} calls: {', '.join(dict.fromkeys(KINDS))}")
    for when, at in (("start", seen[0]), ("middle", settled[0]), ("end", seen[-1])):
        print(f"  {when:6} {at[1]:8.1f} MB resident")
    print(f"  slope  {slope(settled) * 1e6:8.1f} KB per 1,000 calls, second half")


class Soak:
    """Calls of every kind to one server, whose memory is looked at now and then."""

    def __init__(self, start: Start, port: int, pid: int, upstream: Upstream) -> None:
        self.start, self.port, self.pid = start, port, pid
        self.upstream = upstream
        self.nobody = replace(start, model="nobody")

    async def run(self, calls: int) -> Seen:
        """Make all calls; return how many were made and the memory in MB."""
        todo, seen = iter(range(calls)), [(0, memory_mb(self.pid))]

        async def caller() -> None:
            for number in todo:
                await self.call(number, KINDS[number % len(KINDS)])
                if number % max(1, calls // SAMPLES) == 0:
                    self.upstream.requests.clear()
                    seen.append((number, memory_mb(self.pid)))

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return [*seen, (calls, memory_mb(self.pid))]

    async def call(self, number: int, kind: str) -> None:
        """Make one call of *kind*, on a connection of its own."""
        start = self.nobody if kind == "unknown" else self.start
        stream = kind in ("stream", "abort")
        asked = request(start, number % QUESTIONS, stream=stream)
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
    """Return the slope of the line of least squares."""
    middle = sum(x for x, _ in seen) / len(seen), sum(y for _, y in seen) / len(seen)
    over = sum((x - middle[0]) * (y - middle[1]) for x, y in seen)
    return over / sum((x - middle[0]) ** 2 for x, _ in seen)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CALLS)
