"""What governing a call costs: CPU of the whole process tree, beside other gateways.

```
python bench/gateway.py                    # Roadbed, a bare pass-through and nginx
python bench/gateway.py --peers build/peers   # also installs and measures the peers
python bench/gateway.py --calls 500 --rounds 1
```

Roadbed is a real `roadbed up` with everything on: a key is authenticated, policies
decide twice, limits and a budget are held, the cache is looked up and misses, the
call is durably on record before its answer ends, metrics count and the trace goes on.
The others do what they do by default, most of them less. All are asked for the same
chats by the same callers, before the same upstream, in turns; what is printed are
medians of the CPU time that the process tree spends on one call. The ratios are what
stays comparable between machines.
"""

import argparse
import asyncio
import importlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from peers import Gap, Place, Start, environment

from roadbed.testing.upstream import Upstream

CALLERS, WARM_UP = 8, 150
QUESTIONS = count()
PEERS = ("nginx", "litellm", "portkey", "mlflow", "tensorzero")
QUESTION = "Is the train on time? " + "Please answer in one word. " * 34
EVENTS = len(f"You said: 000000 {QUESTION}".split(" ")) + 3
STACK = """
apiVersion: roadbed/v1
kind: Provider
metadata: {{name: up}}
spec:
  type: openai
  config: {{base_url: "{upstream}", private: true}}
---
apiVersion: roadbed/v1
kind: Model
metadata: {{name: support}}
spec:
  owner: bench
  hosted: {{provider: up, upstream: gpt-4o-2024-08-06}}
---
apiVersion: roadbed/v1
kind: Endpoint
metadata: {{name: support}}
spec:
  model: support@1
  cache: {{ttl_s: 60}}
---
apiVersion: roadbed/v1
kind: ServiceAccount
metadata: {{name: bench}}
spec: {{roles: [app], keys: true}}
---
apiVersion: roadbed/v1
kind: Budget
metadata: {{name: bench}}
spec: {{amount: "1000000", period: month}}
---
apiVersion: roadbed/v1
kind: RateLimit
metadata: {{name: bench}}
spec: {{requests_per_minute: 1000000000}}
"""


@dataclass
class Contender:
    """One gateway that runs, and what was measured of it."""

    name: str
    start: Start
    port: int
    pid: int
    whole: list[float] = field(default_factory=list)
    event: list[float] = field(default_factory=list)
    trouble: str = ""


def main() -> None:
    """Measure all contenders in turns and print a table."""
    asked = arguments()
    folder = Path(asked.peers).absolute() if asked.peers else None
    with (
        Upstream("well") as upstream,
        tempfile.TemporaryDirectory() as scratch,
        contenders(Path(scratch), folder, upstream.url) as running,
    ):
        for _ in range(asked.rounds):
            for one in running:
                measure(one, asked.calls)
        table(running, asked.calls, asked.rounds)


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--calls", type=int, default=1500, help="calls per round")
    words.add_argument("--rounds", type=int, default=3, help="rounds of turns")
    words.add_argument("--peers", help="folder to install and run the peers in")
    return words.parse_args()


@contextmanager
def contenders(
    scratch: Path, folder: Path | None, upstream: str
) -> Iterator[list[Contender]]:
    """Start everything that can be started; print a gap for what cannot."""
    ready, processes = list[Contender](), list[subprocess.Popen]()
    makers = [("Roadbed, everything on", roadbed), ("bare pass-through", bare)]
    makers += [(name, peer) for name in (PEERS if folder else PEERS[:1])]
    try:
        for name, maker in makers:
            place = Place((folder or scratch) / name, free_port(), upstream)
            place.folder.mkdir(parents=True, exist_ok=True)
            try:
                shown, begin = maker(name, place)
                process = launch(begin, place.folder)
                processes.append(process)
                port = wait_for(process, begin, place)
                ready.append(Contender(shown, begin, port, process.pid))
                asyncio.run(load(ready[-1], 1, stream=False))
            except Gap as gap:
                ready = [one for one in ready if one.name != name]
                print(f"  gap: {name}: {gap}", file=sys.stderr)
        yield ready
    finally:
        for process in processes:
            with_group(process.pid, signal.SIGTERM)
        for process in processes:
            process.wait(30)


def roadbed(name: str, place: Place) -> tuple[str, Start]:
    """Return how to start Roadbed with everything on."""
    program = str(Path(sys.executable).with_name("roadbed"))
    given = {"ROADBED_PORT": str(place.port)}

    def run(*words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [program, *words],
            cwd=place.folder,
            env=environment(given),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Gap((done.stderr or done.stdout).strip()[:300])
        return done.stdout

    shutil.rmtree(place.folder / ".roadbed", ignore_errors=True)
    run("init", ".")
    run("login", stdin=(place.folder / ".roadbed/bootstrap-token").read_text())
    (place.folder / "bench.yaml").write_text(STACK.format(upstream=place.upstream))
    run("apply", "--yes")
    key = json.loads(run("key", "create", "bench", "-o", "json"))["secret"]
    headers = {"authorization": f"Bearer {key}"}
    start = Start((program, "up"), model="support", headers=headers, environment=given)
    return name, start


def bare(name: str, place: Place) -> tuple[str, Start]:
    """Return how to start a pass-through that governs nothing."""
    program = str(Path(__file__).with_name("peers") / "bare.py")
    return name, Start((sys.executable, program, str(place.port), place.upstream))


def peer(name: str, place: Place) -> tuple[str, Start]:
    """Install a peer and return how to start it."""
    module = importlib.import_module(f"peers.{name}")
    module.install(place.folder)
    return module.NAME, module.start(place)


def launch(start: Start, folder: Path) -> subprocess.Popen:
    """Start a contender in a process group of its own."""
    with (folder / "output.log").open("wb") as log:
        return subprocess.Popen(
            start.words,
            cwd=folder,
            env=environment(start.environment),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_for(process: subprocess.Popen, start: Start, place: Place) -> int:
    """Return the port once somebody listens there; raise Gap if nobody does."""
    ends = time.monotonic() + start.ready_s
    while time.monotonic() < ends:
        port = start.port or place.port
        told = place.folder / "address"
        if port < 0 and told.exists():
            port = urlsplit(told.read_text().strip()).port or port
        with socket.socket() as probe:
            if port > 0 and probe.connect_ex(("127.0.0.1", port)) == 0:
                return port
        if process.poll() is not None:
            said = (place.folder / "output.log").read_text().strip().splitlines()
            raise Gap(f"it ended: {said[-1][:120] if said else 'silently'}")
        time.sleep(0.1)
    raise Gap(f"it did not listen within {start.ready_s:g} s")


def measure(one: Contender, calls: int) -> None:
    """Add a round: CPU per whole call, and per event of a streamed one."""
    try:
        asyncio.run(load(one, WARM_UP, stream=False))
        before = cpu_s(one.pid)
        asyncio.run(load(one, calls, stream=False))
        one.whole.append((cpu_s(one.pid) - before) / calls * 1e6)
        streams = max(20, calls // 20)
        asyncio.run(load(one, 10, stream=True))
        before = cpu_s(one.pid)
        asyncio.run(load(one, streams, stream=True))
        one.event.append((cpu_s(one.pid) - before) / streams / EVENTS * 1e6)
    except Gap as gap:
        one.trouble = str(gap)


async def load(one: Contender, calls: int, *, stream: bool) -> None:
    """Send *calls* requests over a few kept-alive connections."""
    left = iter(range(calls))

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        for _ in left:
            writer.write(request(one.start, next(QUESTIONS), stream=stream))
            await read_answer(reader)
        writer.close()

    try:
        async with asyncio.timeout(300):
            await asyncio.gather(*(caller() for _ in range(min(CALLERS, calls))))
    except (ConnectionError, asyncio.IncompleteReadError, TimeoutError) as error:
        raise Gap(f"{'streamed' if stream else 'whole'}: {error!r}"[:120]) from None


def request(start: Start, number: int, *, stream: bool, times: int = 1) -> bytes:
    """Return one request; no two questions are alike, so that no cache answers."""
    text = f"{number:06} {QUESTION * times}"
    document = {"model": start.model, "messages": [{"role": "user", "content": text}]}
    body = json.dumps(document | ({"stream": True} if stream else {})).encode()
    lines = [
        f"POST {start.path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in start.headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def read_answer(reader: asyncio.StreamReader) -> None:
    """Read one whole answer; raise Gap unless it is a 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = head.split(b" ", 2)[1].decode()
    chunked = b"transfer-encoding: chunked" in head
    body = b""
    while chunked and (size := int(await reader.readline(), 16)) > 0:
        body = await reader.readexactly(size + 2)
    if chunked:
        await reader.readline()
    else:
        length = head.split(b"content-length: ")[1].split(b"\r\n")[0]
        body = await reader.readexactly(int(length))
    if status != "200":
        raise Gap(f"it answered {status}: {body[:80]!r}")


def table(running: list[Contender], calls: int, rounds: int) -> None:
    """Print what was measured, with ratios to the first line."""
    print(f"{calls} calls of 1 KB, {CALLERS} callers, medians of {rounds} rounds")
    print(
        f"  {'':24} {'µs CPU per call':>16} {'ratio':>7} {'µs per event':>13} {'MB':>6}"
    )
    first = statistics.median(running[0].whole)
    for one in running:
        call = statistics.median(one.whole) if one.whole else float("nan")
        event = statistics.median(one.event) if one.event else float("nan")
        print(
            f"  {one.name:24} {call:16.0f} {call / first:7.2f} {event:13.1f} "
            f"{memory_mb(one.pid):6.0f}  {one.trouble}"
        )


def tree(pid: int) -> list[int]:
    """Return *pid* and all its descendants."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            todo += map(int, task.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process tree, of those that ended too."""
    total = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(fields[n]) for n in range(11, 15))
    return total / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process tree."""
    return sum(map(resident_mb, tree(pid)))


def resident_mb(pid: int) -> float:
    """Return the resident memory of one process, 0 if it is gone."""
    with suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def with_group(pid: int, sign: int) -> None:
    """Signal the group of a process, if it is still there."""
    try:
        os.killpg(pid, sign)
    except ProcessLookupError:
        return


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
