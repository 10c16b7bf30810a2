"""One line for two tenants, beside the platform's own, behind its real server.

Everything of a tenant bears its mark, and half of it is hidden by a policy.
"""

import asyncio
import http.client
import json
import re
import threading
from contextlib import contextmanager
from urllib.parse import quote

import uvloop

from roadbed.access.roles import ROLES
from roadbed.app import initialise, open_app
from roadbed.control.rollouts import new_rollout_id
from roadbed.evals.reports import store as reports
from roadbed.gateway.release import Release
from roadbed.identity.keys import create_key
from roadbed.identity.sessions import open_session
from roadbed.registry.runs import Intent
from roadbed.rollouts import store as rollouts
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import State
from roadbed.server.hot import HOT_ROUTES
from roadbed.server.lifecycle import Closer
from roadbed.server.main import application, assemble, console, lifecycle, limits_of
from roadbed.server.serve import Server, listen, run
from roadbed.server.table import all_routes, api_routes
from roadbed.settings import Settings

MARKS = {"default": "zdefz", "acme": "zacmez", "beta": "zbetaz"}
HIDDEN = "zhidez"
DAY_US = 86_400_000_000
READS = ("endpoint.read", "dataset.read", "model.read", "resource.read")
ACTED = ", ".join(f'Action::"{action}"' for action in READS)
POLICY = (
    f"forbid (principal, action in [{ACTED}], resource) "
    'when { resource.hasTag("sealed") };\n'
)


def documents():
    """Return the resources of the stack."""
    keep = {"roles": ["platform-engineer", "security-admin"], "keys": True}
    yield declared("ServiceAccount", "operator", "default", keep)
    yield declared("Provider", "library", "default", {"type": "extractive"})
    yield declared("Policy", "sealed", "default", {"cedar": POLICY})
    for tenant, mark in MARKS.items():
        roles = {"roles": sorted(ROLES), "keys": True}
        yield declared("ServiceAccount", f"{mark}-all", tenant, roles)
        yield declared("ServiceAccount", f"{mark}-app", tenant, {"roles": ["app"]})
        budget = {"amount": "1000.00", "scope": {"endpoint": f"{mark}-bot"}}
        yield declared("Budget", f"{mark}-budget", tenant, budget)
        for name, labels in (
            (f"{mark}-bot", {}),
            (f"{mark}-{HIDDEN}", {"sealed": "yes"}),
        ):
            yield declared("Model", name, tenant, MODEL, **labels)
            yield declared("Endpoint", name, tenant, {"model": f"{name}@1"}, **labels)
            yield declared("Dataset", name, tenant, DATA, **labels)
        yield declared("Evaluation", f"{mark}-bot", tenant, exam(mark))


MODEL = {
    "owner": "team",
    "hosted": {
        "provider": "library",
        "upstream": "extractive-1",
        "context": {"documents": "./words"},
    },
}


def exam(mark):
    """Return the spec of an evaluation of the endpoint of the tenant with *mark*."""
    return {
        "endpoint": f"{mark}-bot",
        "cases": {"dataset": f"{mark}-bot@1", "input": "x"},
        "graders": [{"name": "right", "grader": "exact"}],
        "blocking": "never",
    }


def report(mark, actor):
    """Return what an evaluation of the tenant with *mark* showed."""
    names = ("evaluation_digest", "version_digest", "terms")
    return {
        "subject": {
            "endpoint": f"{mark}-bot",
            "evaluation": f"{mark}-bot",
            "version": f"{mark}-bot@1",
            **{name: f"sha256:{mark}" for name in names},
        },
        **dict.fromkeys(("run", "take", "stopped"), ""),
        **dict.fromkeys(("cases", "done", "cost_nano", "hits", "at_us"), 1),
        "complete": True,
        "actor": actor,
        "dataset": {"name": f"{mark}-bot@1", "digest": f"sha256:{mark}"},
        "failures": {"answers": 0},
        "graders": {},
    }


def rollout(tenant, mark, actor):
    """Return a rollout of the endpoint of *tenant* that was rolled back."""
    name = f"{mark}-bot"
    return Rollout(
        id=new_rollout_id(),
        endpoint=name,
        tenant=tenant,
        declared=f"{name}@1",
        old=f"{name}@2",
        new=f"{name}@1",
        old_digest=f"sha256:{mark}",
        new_digest=f"sha256:{mark}",
        plan=plan_of(Release(), promises_latency=False),
        state=State(phase="rolled_back", since_s=1.0, reason=f"{mark} is worse"),
        snapshot=1,
        started_by=actor,
        started_us=1,
        changed_us=1,
    )


DATA = {
    "owner": "team",
    "licence": "CC0-1.0",
    "classification": "internal",
    "purposes": ["demonstration"],
    "source": "made up",
}


def declared(kind, name, tenant, spec, **labels):
    """Return one resource as JSON, which is YAML too."""
    metadata = {"name": name, "tenant": tenant, "labels": labels}
    whole = {"apiVersion": "roadbed/v1", "kind": kind, "metadata": metadata}
    return json.dumps({**whole, "spec": spec}) + "\n"


class Line:
    """The app, its server's address, keys, and the ids of what each tenant has."""

    def __init__(self, app, port, folder):
        self.app, self.port, self.folder = app, port, folder
        self.keys, self.key_ids, self.runs, self.cookies = {}, {}, {}, {}
        self.reports, self.rollouts = {}, {}
        self.calls = {tenant: [] for tenant in MARKS}

    def declare(self):
        """Apply the stack, and make keys, data and runs for everybody."""
        folder = self.folder / "stack"
        (folder / "words").mkdir(parents=True)
        (folder / "words" / "one.md").write_text("# Tea\n\nTea is made of leaves.\n")
        (folder / "all.yaml").write_text("---\n".join(documents()))
        self.app.desk.apply(self.app.desk.propose(folder), "service-account:operator")
        (folder / "words" / "two.md").write_text("# More\n\nMore of tea.\n")
        self.app.desk.apply(self.app.desk.propose(folder), "service-account:operator")
        for tenant, mark in MARKS.items():
            self._furnish(tenant, mark)

    def _furnish(self, tenant, mark):
        now_us = self.app.now_us()
        with self.app.database.write() as connection:
            made = create_key(
                connection,
                f"{mark}-all",
                now_us=now_us,
                lifetime_us=DAY_US,
                created_by=f"service-account:{mark}-all",
            )
        self.keys[tenant], self.key_ids[tenant] = made.secret.reveal(), made.id
        who = self.app.authenticate(self.keys[tenant])
        with self.app.database.write() as connection:
            self.cookies[tenant] = open_session(connection, who, now_us).reveal()
        for name in (f"{mark}-bot", f"{mark}-{HIDDEN}"):
            self.app.datasets.snapshot(name, {"x": [1, 2]}, str(who))
        intent = Intent(
            name=f"{mark}-run", actor=str(who), code={}, environment={}, tenant=tenant
        )
        self.runs[tenant] = self.app.runs.start(intent).id
        made = reports.keep(self.app.blobs, report(mark, str(who)), tenant)
        with self.app.database.write() as connection:
            reports.add(connection, made)
        self.reports[tenant] = made.digest.removeprefix("sha256:")
        back = rollout(tenant, mark, str(who))
        with self.app.database.write() as connection:
            rollouts.begin(connection, back, f"{mark} is worse")
        self.rollouts[tenant] = back.id

    def converse(self):
        """Let each tenant call its endpoint twice, and its hidden one."""
        for tenant, mark in MARKS.items():
            for name in ("bot", "bot", HIDDEN):
                body = chat(f"{mark}-{name}")
                answer = self.ask("POST", "/v1/chat/completions", tenant, body)
                self.calls[tenant].append(answer.headers["x-roadbed-call"])
            said = {"kind": "correction", "value": f"{mark} is right"}
            path = f"/api/v1/calls/{self.calls[tenant][0]}/feedback"
            assert self.ask("POST", path, tenant, said).status == 200

    def ask(self, method, path, tenant="", body=None, **headers):
        """Return the answer to one request, as JSON where it is JSON."""
        if tenant:
            headers.setdefault("Authorization", f"Bearer {self.keys[tenant]}")
            headers.setdefault("Cookie", f"roadbed-session={self.cookies[tenant]}")
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        client.request(method, path, data, headers)
        answer = client.getresponse()
        told = Told(answer.status, answer.headers, answer.read().decode())
        client.close()
        return told

    def secrets_of(self, tenant):
        """Return the texts that only those of *tenant* may ever see."""
        ids = [self.key_ids[tenant], self.runs[tenant], self.rollouts[tenant]]
        ids += self.calls[tenant]
        return [MARKS[tenant], *ids]

    def named(self, tenant, route):
        """Return the path of *route* with what *tenant* has, and with what nobody has.

        A part of a path that is not known here has to be added here.
        """
        mark = MARKS[tenant]
        mine = {
            "call": self.calls[tenant][0],
            "key": self.key_ids[tenant],
            "run": self.runs[tenant],
            "model": f"{mark}-bot",
            "dataset": f"{mark}-bot",
            "endpoint": f"{mark}-bot",
            "evaluation": f"{mark}-bot",
            "report": self.reports[tenant],
            "rollout": self.rollouts[tenant],
            "name": self._name(tenant, route.path),
            "kind": "Endpoint",
            "number": "1",
            "other": self.runs[tenant] if "/runs/" in route.path else f"{mark}-bot@1",
            "seq": "1",
            "version": "1",
            "rest:path": "nowhere",
            "path": f"0/{self.runs[tenant]}/artifacts/nothing",
            "model_id": "m-nothing",
            "tag_key": "nothing",
            "name:path": "nothing",
        }
        nobody = {part: unlike(text) for part, text in mine.items()}
        fixed = {n: mine[n] for n in ("kind", "number", "seq", "version")}
        return filled(route.path, mine), filled(route.path, {**nobody, **fixed})

    def _name(self, tenant, path):
        """Return what the pages of the console call what *tenant* has."""
        if path.startswith("/console/runs/"):
            return self.runs[tenant]
        return self.calls[tenant][0] if "/calls/" in path else f"{MARKS[tenant]}-bot"


class Told:
    """An answer: its status, its headers, its text."""

    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)

    def plain(self, path):
        """Return what was told without what the request itself said, and without
        what is different in every answer."""
        text = self.text
        for part in sorted(path.split("?")[0].split("/"), key=len, reverse=True):
            text = text.replace(part, "…") if len(part) > 8 else text
        text = re.sub(r'nonce="[^"]*"|nonce-[\w-]+', "", text)
        text = re.sub(r"[\w-]*-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]+", "ID", text)
        return re.sub(r'datetime="[^"]*"|\d+ (second|minute)s? ago', "", text)


def chat(model):
    """Return a chat request for *model*."""
    return {"model": model, "messages": [{"role": "user", "content": "What is tea?"}]}


def unlike(text):
    """Return a text of the same shape that names nothing."""
    return text[:-3] + ("abc" if not text.endswith("abc") else "cba")


def filled(path, parts):
    """Return *path* with its variable parts filled."""
    return re.sub(r"\{([\w:]+)\}", lambda m: quote(parts[m[1]], safe=""), path)


def routes_of(app, parts):
    """Return the API's routes, the pages, and the list of everything that is served."""
    api, pages = api_routes(parts.metrics), console(app, parts)
    return api, pages, all_routes(api, pages), HOT_ROUTES


@contextmanager
def serving_tenants(folder):
    """Run the line with its real server for the length of the block."""
    settings = Settings(state=folder / ".roadbed", seal_seconds=3600)
    initialise(settings)
    app, closer = open_app(settings), Closer()
    listener = listen("127.0.0.1", 0)
    line = Line(app, listener.getsockname()[1], folder)
    line.declare()
    parts, started = assemble(app, closer), threading.Event()
    line.api, line.pages, line.routes, line.hot = routes_of(app, parts)
    server = Server(application(app, parts), limits_of(app), started.set)

    def work():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(server, lifecycle(app, parts, closer), listener))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        line.converse()
        yield line
    finally:
        server.should_exit = True
        thread.join(30)
        app.close()
