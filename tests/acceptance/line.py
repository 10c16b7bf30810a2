"""A whole Roadbed in a folder of its own, driven by its own commands."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

from tests.ports import free_port

BIN = Path(sys.executable).parent


class Line:
    """A stack, its state and its server, as a stranger would have them."""

    up_words = (BIN / "roadbed", "up")

    def __init__(self, folder, **settings):
        self.folder = folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.server = None
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ROADBED_")}
        given = {f"ROADBED_{k.upper()}": str(v) for k, v in settings.items()}
        self.environment = kept | {"ROADBED_PORT": str(self.port)} | given

    def run(self, *words, stdin="", code=0, **more):
        """Run `roadbed *words`; fail unless it exits with *code*; return its output."""
        done = subprocess.run(
            [BIN / "roadbed", *words],
            cwd=self.folder,
            env=self.environment | more,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr + done.stdout
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *words):
        """Run a command with `-o json` and return what it printed."""
        return json.loads(self.run(*words, "-o", "json"))

    def start_stack(self):
        """Be a copy of the starter stack, initialised, logged in to and applied."""
        shutil.copytree(starter(), self.folder, dirs_exist_ok=True)
        return self

    def begin_stack(self):
        """Initialise, log in and apply the starter stack."""
        self.folder.mkdir(exist_ok=True)
        self.run("init", ".")
        token = (self.folder / ".roadbed" / "bootstrap-token").read_text()
        self.run("login", stdin=token)
        self.run("apply", "--yes")
        return self

    def key(self, account):
        """Return a fresh key for *account*, once the server knows it, if one runs."""
        secret = self.json("key", "create", account)["secret"]
        for _ in range(1500):
            if self.server is None or self.status("/v1/models", secret) == 200:
                return secret
            time.sleep(0.02)
        raise AssertionError("the server did not learn of the new key in 30 s")

    def up(self):
        """Start the server and wait until it is healthy."""
        log = (self.folder / "server.log").open("a")
        self.server = subprocess.Popen(
            self.up_words,
            cwd=self.folder,
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        for _ in range(300):
            assert self.server.poll() is None, self.log()
            if self.status("/healthz") == 200:
                return self
            time.sleep(0.1)
        raise AssertionError(f"not healthy in 30 s\n{self.log()}")

    def stop(self, sign=signal.SIGTERM):
        """Stop the server, gently or not, and return its exit code."""
        if self.server is None:
            return None
        os.killpg(self.server.pid, sign)
        code = self.server.wait(timeout=60)
        self.server = None
        return code

    def log(self):
        """Return what the server wrote."""
        return (self.folder / "server.log").read_text()

    def status(self, path, key=""):
        """Return the HTTP status of GET *path*, 0 if nobody answers."""
        return self.get(path, key)[0]

    def get(self, path, key=""):
        """Return status and body of GET *path*."""
        request = urllib.request.Request(self.base + path)
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        return fetch(request)

    def ask(self, key, question="What is an endpoint?", model="handbook"):
        """Put *question* to *model*; return status, call id and body."""
        body = {"model": model, "messages": [{"role": "user", "content": question}]}
        request = urllib.request.Request(
            f"{self.base}/v1/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers["x-roadbed-call"], answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["x-roadbed-call"], error.read()


@cache
def starter():
    """Return a folder with the starter stack, made once: three commands take long."""
    folder = Path(tempfile.mkdtemp(prefix="roadbed-starter-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Line(folder).begin_stack().folder


def fetch(request):
    """Return status and body, whatever the status."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""
