"""What a change of version costs: nobody an answer, and how soon it is seen.

```
python bench/swaps.py              # all three, about 15 minutes
python bench/swaps.py swaps 20     # one of: swaps, weights, rollback; and how many
```

`swaps`: one server, four clients that never pause, and 100 changes of the pinned
version, of a hosted model and of a trained one of 500 MB that is loaded each time. Not
one request may fail. `weights`: eight servers on one PostgreSQL; the weight of a canary
changes, and each server is asked until its answer shows it: p99 at most 1 s.
`rollback`: `roadbed rollout rollback`, from its start to the last of the eight: at most
2 s. Exits with 1 if any of that is missed. All processes are real, and so are the
sockets.
"""

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway import cpu_s, free_port, launch, resident_mb, wait_for, with_group
from peers import Place, Start
from swapping.clients import Clients, answer_of, seen_by
from swapping.line import ENDPOINTS, REPLICAS, Line, postgres, releases

from roadbed.testing.upstream import Upstream

SWAPS, CHANGES, ROLLBACKS = 100, 40, 5
SEEN_S, BACK_S = 1.0, 2.0
Part = Callable[[Path, str, int], bool]


def main() -> None:
    """Measure what is asked for, print it, and exit with 1 if anything is missed."""
    wanted = sys.argv[1:2] or list(PARTS)
    good = True
    with Upstream("well") as upstream:
        for name in wanted:
            part, times = PARTS[name]
            times = int(sys.argv[2]) if len(sys.argv) > 2 else times
            with tempfile.TemporaryDirectory(prefix="rbsw", dir="/tmp") as folder:
                good &= part(Path(folder), upstream.url, times)
    sys.exit(0 if good else 1)


def swaps(folder: Path, upstream: str, times: int) -> bool:
    """Change both pins again and again, under load; return whether nobody failed."""
    line = Line(folder, upstream)
    line.register()
    line.pin(1, 1)
    with servers(line, 1) as (place,):
        pid = place.pid
        alone = resident_mb(pid)
        with Clients(line.key, place.port, ENDPOINTS * 2) as clients:
            took, begun = [], cpu_s(pid)
            for turn in range(times):
                number = 2 - turn % 2
                at = line.pin(number, number)
                took.append(clients.until(number, at))
            used, settled, most = cpu_s(pid) - begun, resident_mb(pid), peak_mb(pid)
        found = clients.told
    print(f"{times} swaps of a hosted version and of one of 500 MB, {load()}")
    for name in ENDPOINTS:
        calls = [ms for ms, endpoint in found.calls if endpoint == name]
        print(f"  {name:8} {len(calls):7} calls {quantiles(calls, 'ms')}")
    print(f"  seen {quantiles(took, 's')} after the commit")
    print(
        f"  {used / times:.2f} s CPU of the server for each, with the calls meanwhile"
    )
    print(
        f"  resident {alone:.0f} MB with one version, {most:.0f} MB at most, "
        f"{settled:.0f} MB in the end"
    )
    print(f"  failed   {len(found.failed)} {found.failed[:3] or ''}")
    return not found.failed


def weights(folder: Path, upstream: str, times: int) -> bool:
    """Move the weight of a canary back and forth; return whether all saw it soon."""
    with postgres() as url:
        line = Line(folder, upstream, url)
        low, high = line.steps()
        line.pin(1)
        line.pin(2, more=releases(low, high))
        line.begin()
        with servers(line, REPLICAS) as places:
            took, last = [], []
            for turn in range(times):
                want = 2 - turn % 2
                at = line.move(want - 1)
                seen = seen_by(line.key, [p.port for p in places], want, at)
                took += seen
                last.append(max(seen))
    slow = statistics.quantiles(took, n=100)[98]
    print(f"{times} changes of a weight seen on {REPLICAS} servers, {load()}")
    print(f"  each server {quantiles(took, 's')} after the commit (p99 <= {SEEN_S} s)")
    print(f"  last server {quantiles(last, 's')}")
    return slow <= SEEN_S


def rollback(folder: Path, upstream: str, times: int) -> bool:
    """Go back by the command; return whether the last server did in time."""
    with postgres() as url:
        line = Line(folder, upstream, url)
        low, high = line.steps()
        line.pin(1)
        line.pin(2, more=releases(low, high))
        took, whole, cpu, clicked = [], [], [], []
        line.run("rollout", "list")
        with servers(line, REPLICAS) as places:
            ports = [p.port for p in places]
            for _ in range(times):
                forward(line, ports)
                begun = time.monotonic()
                used, committed = line.roll_back()
                seen = seen_by(line.key, ports, 1, begun)
                cpu.append(used)
                whole.append(max(seen))
                took.append(max(0, max(seen) - (committed - begun)))
                forward(line, ports)
                begun = time.monotonic()
                line.click(ports[0])
                clicked.append(max(seen_by(line.key, ports, 1, begun)))
    print(f"{times} rollbacks of each kind, {REPLICAS} servers, {load()}")
    print(f"  from the command to the last {quantiles(whole, 's')} (all <= {BACK_S} s)")
    print(f"    of which it is CPU of the command {quantiles(cpu, 's')}")
    print(f"    and from its end to the last {quantiles(took, 's')}")
    print(f"  from a click to the last {quantiles(clicked, 's')} (all <= {BACK_S} s)")
    return max(*whole, *clicked) <= BACK_S


def forward(line: Line, ports: list[int]) -> None:
    """Let every server answer by the newer version of a rollout."""
    line.begin()
    seen_by(line.key, ports, 2, line.move(1))


PARTS: dict[str, tuple[Part, int]] = {
    "swaps": (swaps, SWAPS),
    "weights": (weights, CHANGES),
    "rollback": (rollback, ROLLBACKS),
}


class Serving:
    """A server that runs: where it listens, and what process it is."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid


@contextmanager
def servers(line: Line, count: int) -> Iterator[list[Serving]]:
    """Run *count* real servers of *line* for the length of the block."""
    program = str(Path(sys.executable).with_name("roadbed"))
    started = []
    with ExitStack() as stack:
        for number in range(count):
            port, folder = free_port(), line.folder / f"server-{number}"
            folder.mkdir()
            given = {**line.environment, "ROADBED_PORT": str(port)}
            start = Start((program, "up"), environment=given, ready_s=120)
            process = launch(start, folder)
            stack.callback(process.wait, 60)
            stack.callback(with_group, process.pid, signal.SIGTERM)
            started.append((process, start, Place(folder, port, "")))
        running = []
        for process, start, place in started:
            wait_for(process, start, place)
            running.append(Serving(place.port, process.pid))
            answer_of(line.key, place.port, "support")
        yield running


def peak_mb(pid: int) -> float:
    """Return the most memory that a process ever had resident."""
    told = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) * 1024 / 1e6


def quantiles(values: list[float], unit: str) -> str:
    """Return the median, the 99th percentile and the most of *values*, in words."""
    if len(values) < 2:
        return ", ".join(f"{v:.2f} {unit}" for v in values)
    p99 = statistics.quantiles(values, n=100)[98]
    middle = statistics.median(values)
    return f"p50 {middle:.2f} p99 {p99:.2f} most {max(values):.2f} {unit}"


def load() -> str:
    """Return the load average, which all wall times depend on."""
    return f"load average {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
