"""How memory grows: 50,000 calls that are whole, streamed, abandoned and refused.

```
python bench/memory.py             # 50,000 calls, several minutes (`make soak`)
python bench/memory.py 5000        # fewer
```

One server with everything durable, in a process of its own, before an upstream that
answers well. Of ten calls four are whole, three streamed, one is left in its middle,
one asks for what is not there, one sends what is not JSON. Printed is the slope of a
line through the resident memory after the first fifth, in KB per 1,000 calls.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from gateway import KEY, QUESTION, free_port, read_answer

from roadbed.testing.upstream import Upstream

CALLS, CALLERS, SAMPLES = 50_000, 8, 40
KINDS = ("whole",) * 4 + ("stream",) * 3 + ("abort", "unknown", "spoilt")


def main(calls: int) -> None:
    """Measure, and print what was found."""
    port = free_port()
    here = Path(__file__).with_name("gateway.py")
    with Upstream("well") as upstream:
        words = [sys.executable, str(here), "governed", str(port), upstream.url]
        server = subprocess.Popen(words)
        try:
            wait_for(server, port)
            seen = asyncio.run(soak(port, calls, server.pid, upstream))
        finally:
            server.terminate()
            server.wait(30)
    settled = seen[len(seen) // 5 :]
    print(f"{calls} calls: {', '.join(dict.fromkeys(KINDS))}")
    print(f"  at the start {seen[0][1] / 1024:6.1f} MB, at the end", end=" ")
    print(f"{seen[-1][1] / 1024:6.1f} MB")
    print(f"  slope        {slope(settled):6.1f} KB per 1,000 calls")


def wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    """Return when the server listens, however busy the machine is."""
    for _ in range(2_400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit("the server did not start")


async def soak(
    port: int, calls: int, pid: int, upstream: Upstream
) -> list[tuple[int, int]]:
    """Make all calls; return how many were made and the memory in KB, now and then."""
    todo, seen = iter(range(calls)), [(0, resident_kb(pid))]

    async def caller() -> None:
        for number in todo:
            await one(port, KINDS[number % len(KINDS)])
            if number % max(1, calls // SAMPLES) == 0:
                upstream.requests.clear()
                seen.append((number, resident_kb(pid)))

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return [*seen, (calls, resident_kb(pid))]


async def one(port: int, kind: str) -> None:
    """Make one call of *kind*, on a connection of its own."""
    asked = {"model": "support", "messages": [{"role": "user", "content": QUESTION}]}
    if kind in ("stream", "abort"):
        asked["stream"] = True
    if kind == "unknown":
        asked["model"] = "nobody"
    body = b"{" if kind == "spoilt" else json.dumps(asked).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\n"
        f"authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body)
    if kind == "abort":
        await reader.readuntil(b"data:")
        writer.transport.abort()
    elif kind in ("unknown", "spoilt"):
        await reader.read()
    else:
        await read_answer(reader)
    writer.close()


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4


def slope(seen: list[tuple[int, int]]) -> float:
    """Return the slope of the line of least squares, in KB per 1,000 calls."""
    middle = sum(x for x, _ in seen) / len(seen), sum(y for _, y in seen) / len(seen)
    over = sum((x - middle[0]) * (y - middle[1]) for x, y in seen)
    return 1_000 * over / sum((x - middle[0]) ** 2 for x, _ in seen)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CALLS)
