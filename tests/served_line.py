"""A whole line in this process: a real database, a real server, a stack of its own."""

import asyncio
import http.client
import json
import threading
import time
import urllib.parse
from contextlib import contextmanager

import uvloop

from roadbed.app import initialise, open_app
from roadbed.identity.keys import redeem_bootstrap
from roadbed.server.lifecycle import Closer
from roadbed.server.main import application, assemble, lifecycle, limits_of
from roadbed.server.serve import Server, listen, run
from roadbed.settings import Settings
from tests.control.stacks import write


class ServedLine:
    """A line that serves on this machine; `key` is the operator's."""

    def __init__(self, folder, database=""):
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = Settings(
            state=folder / ".roadbed",
            database=database,
            port=self.port,
            private_hosts="127.0.0.1",
        )
        self.folder = folder
        bootstrap = initialise(self.settings).reveal()
        self.app = open_app(self.settings)
        with self.app.database.write() as connection:
            new = redeem_bootstrap(connection, bootstrap, self.app.now_us())
        self.key = new.secret.reveal()

    def apply(self, *resources):
        """Make these resources live, as YAML texts."""
        folder = write(self.folder / "stack", stack="---\n".join(resources))
        proposal = self.app.desk.propose(folder)
        self.app.desk.apply(proposal, "service-account:operator")

    def start(self):
        started = threading.Event()
        closer = Closer()
        self.parts = assemble(self.app, closer)
        self.server = Server(
            application(self.app, self.parts), limits_of(self.app), started.set
        )
        life = lifecycle(self.app, self.parts, closer)

        def serve():
            with uvloop_runner() as runner:
                runner.run(run(self.server, life, self.listener))

        self.thread = threading.Thread(target=serve, daemon=True)
        self.thread.start()
        assert started.wait(60)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.app.close()

    def ask(self, method, path, token="", body=None, headers=None):
        """Return status, headers and body; JSON is read."""
        given = dict(headers or {})
        if token:
            given.setdefault("Authorization", f"Bearer {token}")
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, data, given)
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        if "json" in (answer.headers["content-type"] or "") and told:
            told = json.loads(told)
        return answer.status, answer.headers, told

    def form(self, headers=None, **fields):
        """Send a form to the token endpoint; return status, headers and body."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        data = urllib.parse.urlencode(fields).encode()
        given = kind | (headers or {})
        return self.ask("POST", "/oauth/token", body=data, headers=given)

    def settled(self, status, path, token):
        """Return how long it took, in seconds, until GET *path* answers *status*."""
        begun = time.monotonic()
        while time.monotonic() - begun < 30:
            if self.ask("GET", path, token)[0] == status:
                return time.monotonic() - begun
            time.sleep(0.02)
        raise AssertionError(f"GET {path} did not become {status} in 30 s")

    def audited(self, action, outcome="done"):
        """Return the audit entries of *action*, newest first."""
        query = f"/api/v1/audit/entries?action={action}&outcome={outcome}"
        return self.ask("GET", query, self.key)[2]["entries"]


def uvloop_runner():
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


@contextmanager
def serving(folder, *resources, database="", **settings):
    """Serve a line that these resources are live on, for the length of the block."""
    line = ServedLine(folder, database)
    changed = line.app.settings.model_copy(update=settings)
    object.__setattr__(line.app, "settings", changed)
    line.apply(*resources)
    line.start()
    try:
        yield line
    finally:
        line.stop()
