"""The console on a real socket, with sessions and permissions in memory."""

import http.client
import re
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from roadbed.console.app import make_console
from roadbed.console.session import Opened
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision
from roadbed.core.errors import Unauthenticated
from roadbed.core.secret import Secret
from tests.console.sample import NOW, SampleData

KEY = "rbk_0123456789ab_sample-key-of-the-tests"
VIEWER_KEY = "rbk_0123456789ab_another-key"
READER = Principal(
    kind="service-account", name="operator", roles=frozenset({"platform-engineer"})
)
VIEWER = Principal(kind="service-account", name="guest", roles=frozenset({"viewer"}))
ACCOUNTS = {KEY: READER, VIEWER_KEY: VIEWER}
WITHHELD = {"call.read-payload", "audit.read", "resource.read"}


class Sessions:
    """Sessions in a dict."""

    def __init__(self):
        self.open_now = {}

    def open(self, key):
        if key.reveal() not in ACCOUNTS:
            raise Unauthenticated("this key is not known", hint="it may have expired")
        token = secrets.token_urlsafe(32)
        self.open_now[token] = ACCOUNTS[key.reveal()]
        return Opened(token=Secret(token), seconds=8 * 3600)

    def find(self, token):
        return self.open_now.get(token.reveal())

    def end(self, token):
        self.open_now.pop(token.reveal(), None)


class Authority:
    """Viewers may not read payloads, the audit log and resources."""

    digest = "sha256:0"

    def decide(self, principal, action, target, now_us=0):
        allowed = principal != VIEWER or action not in WITHHELD
        reason = "the sample allows it" if allowed else "no role of guest includes it"
        return Decision(allowed=allowed, reasons=(reason,), policy_digest=self.digest)

    def declares(self, action):
        return False


class Refusals(list):
    """Remembers who was refused what."""

    def __call__(self, refusal):
        self.append((str(refusal.principal), refusal.action, str(refusal.target)))


def application(data=None, sessions=None, refused=print):
    """Return the console alone as an ASGI application."""
    routes = make_console(
        data or SampleData(),
        sessions or Sessions(),
        Authority(),
        refused=refused,
        now_us=lambda: NOW,
    )
    return application_of(routes)


def application_of(routes):
    """Return an ASGI application of these routes and nothing else."""
    return Starlette(
        routes=[
            Route(path, handler, methods=[method])
            for method, path, _, handler in routes
        ]
    )


class Server:
    """A real uvicorn in a thread, on a port of its own."""

    def __init__(self, app):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self):
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@dataclass
class Reply:
    """What came back: status, headers (names in lower case) and text."""

    status: int
    headers: dict
    text: str


class Visitor:
    """Someone with cookies who asks over a real socket and follows nothing."""

    def __init__(self, server):
        self._port = server.port
        self.cookies = {}
        self.set_cookies = []

    def get(self, path, **headers):
        return self.send("GET", path, None, headers)

    def post(self, path, form, **headers):
        return self.send("POST", path, urlencode(form), headers)

    def send(self, method, path, body, headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        text = response.read().decode()
        self._keep(response.headers.get_all("set-cookie") or [])
        connection.close()
        names = {n.lower(): v for n, v in response.headers.items()}
        return Reply(response.status, names, text)

    def sign_in(self, key=KEY, back="/console"):
        token = hidden(self.get("/console/sign-in").text, "token")
        form = {"key": key, "token": token, "next": back}
        return self.post("/console/sign-in", form)

    def _keep(self, set_cookies):
        self.set_cookies = set_cookies
        for line in set_cookies:
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)


def hidden(text, name):
    """Return the value of a hidden field."""
    return re.search(rf'name="{name}" value="([^"]*)"', text)[1]
