"""Four replicas of one line: processes that share a state folder and a database."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def database():
    """Yield the address of a PostgreSQL of our own, empty where it is not installed."""
    if not POSTGRES:
        yield ""
        return
    folder = Path(tempfile.mkdtemp(prefix="rollouts"))
    folder.chmod(0o777)
    who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    data, tools = folder / "data", POSTGRES[-1]
    control = [*(who if os.geteuid() == 0 else []), tools / "pg_ctl", "-D", data, "-w"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = "-U roadbed -A trust"
    subprocess.run([*control, "initdb", "-o", first], **quiet)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    subprocess.run([*control, "-o", options, "start"], **quiet)
    try:
        yield f"postgresql://roadbed@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(folder, environment, count):
    """Start *count* servers on the stack in *folder*; yield their addresses."""
    running = []
    try:
        for _ in range(count):
            running.append(start(folder, environment))
        for base, server in running:
            wait_until_healthy(base, server)
        yield [base for base, _ in running]
    finally:
        for _, server in running:
            server.send_signal(signal.SIGTERM)
        for _, server in running:
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()


def start(folder, environment):
    """Start one server on a free port; return its address and its process."""
    port = free_port()
    with (folder / ".roadbed" / f"replica-{port}.log").open("w") as log:
        server = subprocess.Popen(
            [BIN / "roadbed", "up"],
            cwd=folder,
            env=environment | {"ROADBED_PORT": str(port)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return f"http://127.0.0.1:{port}", server


def wait_until_healthy(base, server):
    """Wait until a server answers, 60 s at most."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{base}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None:
                sys.exit(f"the replica at {base} has ended")
            time.sleep(0.1)
    sys.exit(f"the replica at {base} is not healthy")


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
