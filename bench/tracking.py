"""Logging and searching by MLflow's protocol: our server and MLflow's, side by side.

```
python bench/tracking.py --peers build/mlflow                  # a small size
python bench/tracking.py --peers build/mlflow --points 100000 --runs 10000
```

Both are driven over HTTP by the same real client, which `--peers` installs into an
environment of its own, as is MLflow's server with SQLite. `--made` runs are made by
the client and timed; the rest, up to `--runs`, are copies of their rows, written by
SQL on both sides, since MLflow's server takes a tenth of a second for a run. Neither
side is asked for longer than `--patience` seconds for one kind of request: then what
was reached is what is printed. Ratios are of the means of single requests; the server's
CPU time is told too, since it depends less on what else the machine does.
"""

import argparse
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PINNED = ("mlflow==3.17.2",)
ROOT = Path(__file__).resolve().parents[1]

DRIVER = """
import json, sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
part, points, runs, patience, id = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
client, told = MlflowClient(), {}
def timed(name, work):
    begun = time.perf_counter()
    result = work()
    told.setdefault(name, []).append(time.perf_counter() - begun)
    return result
def in_time(name):
    return sum(told.get(name, ())) < patience
def log():
    one = client.create_run(id).info.run_id
    for at in range(0, points, 1000):
        some = [Metric(f"m{n % 4}", n / 7, n, n // 4)
                for n in range(at, min(at + 1000, points))]
        if in_time("log 1,000 points"):
            timed("log 1,000 points", lambda: client.log_batch(one, metrics=some))
    for n in range(50):
        timed("log one point", lambda: client.log_metric(one, "single", n, step=n))
    timed("read a history", lambda: client.get_metric_history(one, "m0"))
    client.set_terminated(one)
def make(n):
    run = client.create_run(id, start_time=n).info.run_id
    client.log_batch(run, [Metric("loss", (n * 7919) % 1000 / 1000, n, 0),
                           Metric("acc", n / runs, n, 0)],
                     [Param("depth", str(n % 10)), Param("kind", f"k{n % 3}")],
                     [RunTag("team", f"t{n % 5}")])
    client.set_terminated(run)
def pages():
    token = None
    while in_time("list 1,000 runs"):
        page = timed("list 1,000 runs", lambda: client.search_runs(
            [id], max_results=1000, page_token=token))
        token = page.token
        if not token:
            break
if part == "write":
    timed("warm", lambda: client.search_experiments())
    id = client.create_experiment(f"bench-{time.time_ns()}")
    log()
    for n in range(runs):
        if in_time("make a run"):
            timed("make a run", lambda: make(n))
else:
    pages()
    for _ in range(10):
        if in_time("filter and order"):
            timed("filter and order", lambda: client.search_runs(
                [id], "metrics.loss < 0.5 AND params.depth = '3' AND tags.team = 't3'",
                order_by=["metrics.acc DESC"], max_results=100))
print(json.dumps([id, told]))
"""


@dataclass(frozen=True)
class Size:
    """How much is logged, made, listed, and for how many seconds at most."""

    points: int
    made: int
    runs: int
    patience: int


def main() -> None:
    """Measure both, and print one line for each kind of request."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    words.add_argument("--peers", type=Path, help="folder for mlflow's environment")
    words.add_argument("--points", type=int, default=20_000)
    words.add_argument("--made", type=int, default=200)
    words.add_argument("--runs", type=int, default=500)
    words.add_argument("--patience", type=int, default=300)
    chosen = words.parse_args()
    if chosen.peers is None:
        print("skipped: --peers FOLDER installs mlflow there, to compare with")
        return
    python = environment(chosen.peers.resolve())
    size = Size(chosen.points, chosen.made, chosen.runs, chosen.patience)
    with tempfile.TemporaryDirectory(prefix="roadbed-bench-") as name:
        own, other = (
            of_house(python, Path(name), size),
            of_peer(python, Path(name), size),
        )
    show(own, other, size)


def of_house(python: Path, folder: Path, size: Size) -> Any:
    """Return the seconds of each request that the client made of our server."""
    line, key = house(folder / "ours")

    def fill(id: str) -> None:
        with line.app.database.write() as connection:
            multiply(connection.connection.driver_connection, OURS, id, size.runs)

    try:
        return drive(python, Server(line.url, key, fill, time.process_time), size)
    finally:
        line.stop()


def of_peer(python: Path, folder: Path, size: Size) -> Any:
    """Return the seconds of each request that the client made of MLflow's server."""
    url, process = peer(python, folder / "peer")

    def fill(id: str) -> None:
        with sqlite3.connect(folder / "peer" / "mlflow.db", timeout=60) as file:
            multiply(file, THEIRS, id, size.runs)

    try:
        return drive(python, Server(url, "", fill, lambda: cpu_s(process.pid)), size)
    finally:
        process.terminate()
        process.wait(30)


OURS = ("id", ("runs", "tracked_runs", "run_latest", "run_points", "run_params"))
THEIRS = ("run_uuid", ("runs", "latest_metrics", "metrics", "params"))


def multiply(file: Any, schema: Any, experiment: str, wanted: int) -> None:
    """Copy the rows of the runs of *experiment*, but the first, until it has enough."""
    own, (runs, *beside) = schema
    table = "tracked_runs" if own == "id" else runs
    column = "run_id" if own == "id" else own
    tags = "run_tags" if own == "id" else "tags"
    found = file.execute(
        f"SELECT {column} FROM {table} WHERE experiment_id = ? ORDER BY rowid",
        (experiment,),
    ).fetchall()
    copies = [(runs, own), *((name, column) for name in (*beside, tags))]
    statements = [copy_of(file, name, key) for name, key in copies]
    for at in range(max(wanted - len(found), 0)):
        (old,) = found[1 + at % (len(found) - 1)]
        for statement in statements:
            file.execute(statement, (f"{at:032x}", old))


def copy_of(file: Any, table: str, key: str) -> str:
    """Return the SQL that copies the rows of one run of *table* for another run."""
    rows = file.execute(f"PRAGMA table_info({table})").fetchall()
    names = [name for _, name, *_ in rows if name not in (key, "id")]
    others = ", ".join(f'"{name}"' for name in names)
    return (
        f'INSERT INTO {table} ("{key}", {others}) '
        f'SELECT ?, {others} FROM {table} WHERE "{key}" = ?'
    )


def environment(folder: Path) -> Path:
    """Return the interpreter of an environment that has mlflow."""
    python = folder / "mlflow-3.17" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", *PINNED]
        subprocess.run(install, check=True)
    return python


def house(folder: Path) -> tuple[Any, str]:
    """Return a line that serves, and a key for it."""
    sys.path.insert(0, str(ROOT))
    from tests.conformance.tracking import key_of
    from tests.control.stacks import OPERATOR, resource
    from tests.served_line import ServedLine

    folder.mkdir()
    line = ServedLine(folder)
    account = resource("ServiceAccount", "scientist", "roles: [researcher]\nkeys: true")
    line.apply(OPERATOR, account)
    key = key_of(line.app)
    line.start()
    return line, key


def peer(python: Path, folder: Path) -> tuple[str, Any]:
    """Return the address of MLflow's own server with SQLite, and its process."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command = [python, "-m", "mlflow", *words, *store]
    log = (folder / "log").open("w")
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return url, process
    raise SystemExit((folder / "log").read_text())


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process and of those that it started, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(map(int, fields[11:15]))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_s(int(c)) for c in children)


@dataclass(frozen=True)
class Server:
    """Where it is, how one is let in, what fills it, and the CPU time it has used."""

    url: str
    key: str
    fill: Callable[[str], None]
    cpu_s: Callable[[], float]


def drive(python: Path, server: Server, size: Size) -> Any:
    """Return the seconds of each request that the client made of *server*."""
    given = {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_DISABLE_TELEMETRY": "true"}
    if server.key:
        given["MLFLOW_TRACKING_TOKEN"] = server.key
    spent = [server.cpu_s()]
    id, written = part(python, given, "write", size, "")
    spent.append(server.cpu_s())
    server.fill(id)
    spent.append(server.cpu_s())
    _, read = part(python, given, "read", size, id)
    spent.append(server.cpu_s())
    used = {CPU[0]: [spent[1] - spent[0]], CPU[1]: [spent[3] - spent[2]]}
    return {**written, **read, **used}


CPU = ("CPU, writing", "CPU, reading")


def part(
    python: Path, given: dict[str, str], name: str, size: Size, experiment: str
) -> Any:
    """Return the experiment, and the seconds of each request, of a part of the work."""
    words = map(str, (size.points, size.made, size.patience))
    ended = subprocess.run(
        [python, "-c", DRIVER, name, *words, experiment],
        env=os.environ | given,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout.strip().splitlines()[-1])


def show(own: Any, other: Any, size: Size) -> None:
    """Print latencies, and how many times as long MLflow's server takes."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{size.points:,} points, {size.runs:,} runs; load average {load}")
    print("requests, seconds in all, and milliseconds of one: p50, p95")
    print(f"{'':18} {'Roadbed':>32}   {'MLflow':>32}   ratio")
    for name in own:
        ratio = statistics.mean(other[name]) / statistics.mean(own[name])
        print(f"{name:18} {summed(own[name])}   {summed(other[name])}   {ratio:5.2f}")


def summed(seconds: list[float]) -> str:
    """Return count, sum, p50 and p95 as text."""
    ordered = sorted(seconds)
    p50, p95 = (ordered[int((len(ordered) - 1) * q)] * 1000 for q in (0.5, 0.95))
    return f"{len(ordered):5} {sum(ordered):8.2f} s {p50:8.1f} {p95:8.1f}"


if __name__ == "__main__":
    main()
