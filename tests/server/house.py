"""A small, real server for tests: real sockets, real keys, tiny models."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import uvloop

from roadbed.access.authority import compile_policies
from roadbed.control.serve import Serving
from roadbed.core.actor import Principal
from roadbed.core.clock import SystemClock, to_us
from roadbed.core.errors import Invalid, RateLimited, Truncated
from roadbed.gateway.steps import Record
from roadbed.identity.tokens import credential_digest
from roadbed.inference.call import Chunk, TensorRequest, Usage
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Snapshot
from roadbed.inference.terms import Retries, Terms
from roadbed.server.asgi import make_asgi
from roadbed.server.dataplane import DataPlane
from roadbed.server.denials import DenialWriter
from roadbed.server.governed import governed_path
from roadbed.server.guard import Guard
from roadbed.server.limits import Limits
from roadbed.server.metrics import Metrics
from roadbed.server.serve import Server, listen, run
from roadbed.server.switch import Switch

KEY, VIEWER, EXPIRED = "rbk_app_secret", "rbk_viewer_secret", "rbk_old_secret"
FOREVER = 2**62
ONCE = Terms(retries=Retries(attempts=1))
HOSTS = frozenset({"127.0.0.1", "localhost", "x"})


class Runner:
    """What tiny models share."""

    def __init__(self):
        self.closed = 0

    def metadata(self):
        return {"platform": "tiny", "inputs": [], "outputs": []}

    async def close(self):
        self.closed += 1


class Echo(Runner):
    """Says what it was asked, word by word."""

    def __init__(self, word="echo"):
        super().__init__()
        self.word = word

    async def send(self, call):
        words = f"{self.word}: {call.request.question()}".split(" ")
        for at, word in enumerate(words):
            yield Chunk(text=word if at == 0 else f" {word}")
        note = {"type": "url_citation", "url_citation": {"url": "doc:1"}}
        usage = Usage(input_tokens=3, output_tokens=len(words))
        yield Chunk(annotations=(note,), usage=usage, finish="stop")


class Fails(Runner):
    """Says one word, if told to, and then raises."""

    def __init__(self, error, first=""):
        super().__init__()
        self.error, self.first = error, first

    async def send(self, call):
        if self.first:
            yield Chunk(text=self.first)
        raise self.error


class Endless(Runner):
    """Says words until somebody stops it, and remembers that it was stopped."""

    def __init__(self, gap_s=0.01, text="word "):
        super().__init__()
        self.gap_s, self.text = gap_s, text
        self.begun, self.stopped = threading.Event(), threading.Event()
        self.enough = threading.Event()

    async def send(self, call):
        self.begun.set()
        try:
            while not self.enough.is_set():
                yield Chunk(text=self.text)
                await asyncio.sleep(self.gap_s)
            yield Chunk(finish="stop")
        finally:
            self.stopped.set()


class Adds(Runner):
    """Adds one to each number it is given, whatever its type."""

    def metadata(self):
        shape = {"datatype": "FP32", "shape": [-1, 2]}
        return {
            "platform": "tiny",
            "inputs": [{"name": "x", **shape}],
            "outputs": [{"name": "x", **shape}],
        }

    async def send(self, call):
        if not isinstance(call.request, TensorRequest):
            raise Invalid("this model takes tensors")
        yield Chunk(tensors=call.request.inputs, finish="stop")


class Kept:
    """A call log and an audit log in memory, which take at once what they are given."""

    def __init__(self):
        self.records, self.payloads, self.audited = [], {}, []

    def put(self, record, payload, *, durable=True):
        self.records.append(record)
        self.payloads[record.call_id] = payload
        if durable:
            done = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        return None

    def record(self, *entries):
        self.audited.extend(entries)
        return []


def deployment(name, runner, number=3, kind="hosted"):
    version = ModelVersion(
        model=name, number=number, digest=f"sha256:{name}", definition={kind: {}}
    )
    return Deployment(
        endpoint=name, choices=(Choice.at(version, runner, "tiny"),), terms=ONCE
    )


def principal(name, role, expires_us=FOREVER):
    return Principal(
        kind="service-account",
        name=name,
        roles=frozenset({role}),
        expires_us=expires_us,
        fresh_until_us=expires_us,
    )


KEYS = {
    KEY: principal("shop", "app"),
    VIEWER: principal("looker", "viewer"),
    EXPIRED: principal("shop", "app", expires_us=1),
}


def snapshot(runners, revision=1, keys=KEYS):
    return Snapshot(
        revision=revision,
        digest=f"sha256:{revision}",
        authority=compile_policies({}),
        credentials={credential_digest(k): p for k, p in keys.items()},
        deployments={
            name: runner
            if isinstance(runner, Deployment)
            else deployment(
                name, runner, kind="trained" if isinstance(runner, Adds) else "hosted"
            )
            for name, runner in runners.items()
        },
        broken={"hurt": "the artifact is corrupt"},
    )


def serving(runners, revision=1, keys=None):
    return Serving(
        snapshot=snapshot(runners, revision, keys or KEYS),
        runners={("tiny", name): runner for name, runner in runners.items()},
    )


def now_us():
    return to_us(SystemClock().now())


def tiny_models():
    return {
        "echo": Echo(),
        "adds": Adds(),
        "endless": Endless(),
        "limited": Fails(RateLimited("too many", retry_after_s=6.2)),
        "cut": Fails(Truncated("the provider stopped"), first="half"),
        "crash": Fails(ZeroDivisionError("a secret path: /etc/shadow")),
        "crash-late": Fails(ZeroDivisionError("a secret path"), first="half"),
    }


class Alarm:
    def __init__(self):
        self.raised, self.cleared = [], []

    def alert(self, alert):
        self.raised.append(alert)

    def clear(self, code):
        self.cleared.append(code)


async def nothing(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class House:
    """A server in a thread of its own; `kept` and `audited` are what it wrote."""

    def __init__(
        self,
        runners=None,
        log=None,
        records=None,
        rest_of=None,
        keys=None,
        means=None,
        **limits,
    ):
        self.runners = tiny_models() if runners is None else runners
        self.alarm, self.metrics, self.log = Alarm(), Metrics(), Kept()
        self.watches = []
        self.keys = KEYS | (keys or {})
        self.limits = Limits(**({"body_bytes": 1024 * 1024} | limits))
        self.switch = Switch(self._close)
        self.denials = DenialWriter(log or self.log, self.alarm)
        path = governed_path(
            now_us=now_us,
            record=Record(records or self.log, "test", watches=[self._watch]),
            metrics=self.metrics,
            denials=self.denials,
            means=means,
        )
        self.guard = Guard(self.denials, now_us)
        self.plane = DataPlane(
            switch=self.switch,
            path=path,
            guard=self.guard,
            region="test",
            clock=SystemClock(),
            limits=self.limits,
        )
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.started = threading.Event()
        self.server = Server(
            make_asgi(self.plane, rest_of(self) if rest_of else nothing, HOSTS),
            self.limits,
            self.started.set,
        )
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def kept(self):
        return self.log.records

    @property
    def audited(self):
        return self.log.audited

    def last(self, call_id="", timeout_s=5.0):
        """Return the record of *call_id* (or the newest), waiting for it."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            found = [k for k in self.kept if not call_id or k.call_id == call_id]
            if found:
                return found[-1]
            time.sleep(0.01)
        raise AssertionError(f"no record of {call_id or 'any call'}")

    async def start(self):
        self.loop = asyncio.get_running_loop()
        self.switch.swap(serving(self.runners, keys=self.keys))
        self.denials.start()

    async def stop(self):
        await asyncio.to_thread(self.denials.stop)

    def on_loop(self, work, *values):
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (work(*values), done.set()))
        assert done.wait(5)

    def wait(self, work):
        """Run a coroutine on the server's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def raw(self, data, timeout_s=10.0, half_close=False):
        """Send *data* as it is, and return all that comes back until the end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout_s) as client:
            client.sendall(data)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            parts = []
            while part := client.recv(65536):
                parts.append(part)
        return b"".join(parts)

    def _watch(self, call, record):
        for watch in self.watches:
            watch(call, record)

    def _close(self, runners):
        for runner in runners:
            self.loop.create_task(runner.close())

    def _run(self):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(self.server, self, self.listener))


@contextmanager
def serving_house(**how):
    """Run a house for the length of the block."""
    house = House(**how)
    house.thread.start()
    assert house.started.wait(10)
    try:
        yield house
    finally:
        house.server.should_exit = True
        house.thread.join(20)
        assert not house.thread.is_alive()
