"""Make the documentation run: every code block under docs/ and in the README."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser
from sybil.region import Lexeme

from tests.ports import free_port

ROOT = Path(__file__).parent
DEFAULT_PORT = "8321"
IDP = ROOT / "tests" / "idp"
IDP_PORT = "9400"


def begin(namespace):
    """Give a page a folder, a port and an environment of its own."""
    port = str(free_port())
    folder = Path(tempfile.mkdtemp(prefix="roadbed-docs-"))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ROADBED_")}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    home = {"HOME": str(folder), "ROADBED_PORT": port, "PATH": path}
    namespace |= {"page": folder, "cwd": folder, "env": kept | home, "up": []}
    namespace["idp"] = str(free_port())
    namespace["start"] = str(Path.cwd())


def end(namespace):
    """Stop the page's servers and forget its folder."""
    os.chdir(namespace["start"])
    for server in namespace["up"]:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
    shutil.rmtree(namespace["page"], ignore_errors=True)


def run_bash(example):
    """Run a block where the one before it left off; `roadbed up` goes on behind."""
    space = example.namespace
    port = space["env"]["ROADBED_PORT"]
    text = with_ports(example.parsed, space)
    if text.strip() == "make idp":
        return start_idp(space)
    if re.search(r"^(make|git clone)\b", text, re.M):
        return check_make(text)
    if text.strip() == "roadbed up":
        return start_server(space, port)
    keep = f"pwd > {space['page']}/.cwd\nenv -0 > {space['page']}/.env\n"
    script = f"set -a\n{text}\n{keep}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=space["cwd"],
        env=space["env"],
        capture_output=True,
        text=True,
        timeout=180,
    )
    if done.returncode:
        raise AssertionError(f"{text}\n{done.stdout}{done.stderr}")
    space["cwd"] = Path((space["page"] / ".cwd").read_text().strip())
    lines = (space["page"] / ".env").read_text().split("\0")
    space["env"] = dict(line.split("=", 1) for line in lines if "=" in line)
    return None


def with_ports(text, space):
    """Return *text* with the page's own ports in place of the usual ones."""
    ports = {DEFAULT_PORT: space["env"]["ROADBED_PORT"], IDP_PORT: space["idp"]}
    return re.sub("|".join(ports), lambda found: ports[found[0]], text)


def start_idp(space):
    """Start what `make idp` starts, on this page's ports; skip the page without it."""
    if shutil.which("node") is None or not (IDP / "node_modules").is_dir():
        pytest.skip("the test provider needs node; `make test` installs its packages")
    config = space["page"] / "idp.json"
    config.write_text(with_ports((IDP / "example.json").read_text(), space))
    log = (space["page"] / ".idp.log").open("w")
    words = ["node", IDP / "server.mjs", config]
    server = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    space["up"].append(server)
    wait_for(server, f"http://127.0.0.1:{space['idp']}/jwks", log.name)


def check_make(text):
    """Commands that would run the whole house again: see that they are there."""
    for line in text.splitlines():
        if line.startswith("make "):
            subprocess.run(["make", "-n", *line.split()[1:2]], cwd=ROOT, check=True)


def start_server(space, port):
    """Start `roadbed up` and wait until it is healthy."""
    log = (space["page"] / ".up.log").open("w")
    server = subprocess.Popen(
        ["roadbed", "up"],
        cwd=space["cwd"],
        env=space["env"],
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    space["up"].append(server)
    wait_for(server, f"http://127.0.0.1:{port}/healthz", log.name)


def wait_for(server, url, log):
    """Wait until *server* answers at *url*."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            assert server.poll() is None, Path(log).read_text()
            time.sleep(0.1)
    raise AssertionError(f"nothing answered at {url} in 60 s\n{Path(log).read_text()}")


def run_python(example):
    """Run a block in the page's folder, with its port and its environment."""
    space = example.namespace
    os.chdir(space["cwd"])
    text = with_ports(example.parsed, space)
    old = example.parsed
    example.parsed = Lexeme(text, old.offset, old.line_offset)
    return PythonEvaluator()(example)


def check_yaml(example):
    """A resource in the documentation is one that the loader accepts."""
    from roadbed.control.kinds import all_kinds  # noqa: PLC0415

    for document in yaml.safe_load_all(example.parsed):
        kind = all_kinds()[document["kind"]]
        kind.model_validate(document["spec"])


pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser(language="python", evaluator=run_python),
        CodeBlockParser(language="bash", evaluator=run_bash),
        CodeBlockParser(language="yaml", evaluator=check_yaml),
    ],
    patterns=["*.md"],
    setup=begin,
    teardown=end,
).pytest()
