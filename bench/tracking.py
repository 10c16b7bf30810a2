"""Logging and searching by MLflow's protocol: our server and MLflow's, side by side.

```
python bench/tracking.py --peers build/mlflow                  # a small size
python bench/tracking.py --peers build/mlflow --points 100000 --runs 10000
```

Both are driven over HTTP by the same real client, which `--peers` installs into an
environment of its own, as is MLflow's server with SQLite. Times are of the whole work,
latencies of single requests.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path
from typing import Any

PINNED = ("mlflow==3.17.2",)
ROOT = Path(__file__).resolve().parents[1]

DRIVER = """
import json, sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
points, runs = int(sys.argv[1]), int(sys.argv[2])
client, told = MlflowClient(), {}
def timed(name, work):
    begun = time.perf_counter()
    result = work()
    told.setdefault(name, []).append(time.perf_counter() - begun)
    return result
timed("warm", lambda: client.search_experiments())
id = client.create_experiment(f"bench-{time.time_ns()}")
one = client.create_run(id).info.run_id
for at in range(0, points, 1000):
    some = [Metric(f"m{n % 4}", n / 7, n, n // 4)
            for n in range(at, min(at + 1000, points))]
    timed("log 1,000 points", lambda: client.log_batch(one, metrics=some))
for n in range(50):
    timed("log one point", lambda: client.log_metric(one, "single", n, step=n))
timed("read a history", lambda: client.get_metric_history(one, "m0"))
for n in range(runs):
    def begin():
        run = client.create_run(id, start_time=n).info.run_id
        client.log_batch(run, [Metric("loss", (n * 7919) % 1000 / 1000, n, 0),
                               Metric("acc", n / runs, n, 0)],
                         [Param("depth", str(n % 10)), Param("kind", f"k{n % 3}")],
                         [RunTag("team", f"t{n % 5}")])
        client.set_terminated(run)
    timed("make a run", begin)
def pages(**wanted):
    token = None
    while True:
        page = timed("list 1,000 runs", lambda: client.search_runs(
            [id], max_results=1000, page_token=token, **wanted))
        token = page.token
        if not token:
            break
pages()
for _ in range(10):
    timed("filter and order", lambda: client.search_runs(
        [id], "metrics.loss < 0.5 AND params.depth = '3' AND tags.team = 't3'",
        order_by=["metrics.acc DESC"], max_results=100))
print(json.dumps(told))
"""


def main() -> None:
    """Measure both, and print one line for each kind of request."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--peers", type=Path, help="folder for mlflow's environment")
    words.add_argument("--points", type=int, default=20_000)
    words.add_argument("--runs", type=int, default=500)
    chosen = words.parse_args()
    if chosen.peers is None:
        print("skipped: --peers FOLDER installs mlflow there, to compare with")
        return
    python = environment(chosen.peers.resolve())
    with tempfile.TemporaryDirectory(prefix="roadbed-bench-") as name:
        folder = Path(name)
        ours, key = house(folder / "ours")
        theirs, process = peer(python, folder / "peer")
        try:
            size = (chosen.points, chosen.runs)
            own = drive(python, ours.url, key, *size)
            other = drive(python, theirs, "", *size)
        finally:
            process.terminate()
            process.wait(30)
            ours.stop()
    show(own, other, size)


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


def drive(python: Path, url: str, key: str, points: int, runs: int) -> Any:
    """Return the seconds of each request that the client made at *url*."""
    given = {"MLFLOW_TRACKING_URI": url, "MLFLOW_DISABLE_TELEMETRY": "true"}
    if key:
        given["MLFLOW_TRACKING_TOKEN"] = key
    ended = subprocess.run(
        [python, "-c", DRIVER, str(points), str(runs)],
        env=os.environ | given,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout.strip().splitlines()[-1])


def show(own: Any, other: Any, size: tuple[int, int]) -> None:
    """Print times and latencies, and how many times as long MLflow's server takes."""
    print(f"{size[0]:,} points, {size[1]:,} runs; seconds, and milliseconds a request")
    print(f"{'':18} {'Roadbed':>28}   {'MLflow':>28}   ratio (sum)")
    for name in own:
        ours, theirs = summed(own[name]), summed(other[name])
        ratio = sum(other[name]) / sum(own[name])
        print(f"{name:18} {ours:>28}   {theirs:>28}   {ratio:6.2f}")


def summed(seconds: list[float]) -> str:
    """Return the sum, p50 and p95 as text."""
    ordered = sorted(seconds)
    p50, p95 = (ordered[int((len(ordered) - 1) * q)] * 1000 for q in (0.5, 0.95))
    return f"{sum(ordered):8.2f} s {p50:8.1f} {p95:8.1f}"


if __name__ == "__main__":
    main()
