"""A real line behind a real server: database, call log, audit log, and the API."""

import http.client
import json
from contextlib import contextmanager
from dataclasses import replace

from roadbed.access.roles import ROLES
from roadbed.app import initialise, open_app
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.recorder import Recorder, process_name
from roadbed.server.mlflow.app import make_mlflow
from roadbed.server.oauth import OPEN_ROUTES
from roadbed.server.rest import Rest, make_rest
from roadbed.server.services import Services
from roadbed.server.table import all_routes, api_routes
from roadbed.server.telemetry import make_telemetry
from roadbed.settings import Settings
from tests.server.house import principal, serving_house


def services_of(app, recorder=None):
    """Return what the control API needs, as the server fills it."""
    more = {}
    if recorder is not None:
        more = {
            "pending": recorder.pending_alerts,
            "gauges": lambda: {"roadbed_queued": ("Waiting.", recorder.queued)},
            "healthy": lambda: recorder.healthy,
        }
    return Services(
        clock=app.clock,
        database=app.database,
        audit=app.audit,
        copies=app.checkpoints,
        public_key=app.public_key,
        calls=app.calls,
        datasets=app.datasets,
        runs=app.runs,
        desk=app.desk,
        why=app.why,
        prover=app.prover,
        comparer=app.comparer,
        tokens=app.tokens,
        **more,
    )


def key_of(role):
    """Return the key of somebody with this role and no other."""
    return f"rbk_{role}_secret"


class Estate:
    """A house whose control API works on a real line."""

    def __init__(self, house, app, routes, services):
        self.house, self.app, self.routes = house, app, routes
        self.services = services

    def ask(self, method, path, role="", body=None, headers=None):
        """Return status, headers and body; JSON is read."""
        given = dict(headers or {})
        if role:
            given["Authorization"] = f"Bearer {key_of(role)}"
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.house.port, timeout=20
        )
        connection.request(method, path, data, given)
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        if "json" in (answer.headers["content-type"] or "") and told:
            told = json.loads(told) if b"\n{" not in told else told
        return answer.status, answer.headers, told


@contextmanager
def serving_estate(folder, console=()):
    """Run a line in *folder*, with its server, for the length of the block."""
    settings = Settings(state=folder / ".roadbed")
    initialise(settings).reveal()
    app = open_app(settings)
    keeper = Keeper(settings.state, app.sealer, process_name("test"))
    recorder = Recorder(keeper)
    recorder.start()
    made = []

    def rest_of(house):
        routes = api_routes(house.metrics)
        services = services_of(app, recorder)
        rest = Rest(
            services=services,
            switch=house.switch,
            guard=house.guard,
            limits=house.limits,
        )
        made.extend((routes, services))
        shown = make_rest(rest, routes, console, OPEN_ROUTES)
        return make_telemetry(rest, make_mlflow(rest, shown, app.blobs))

    roles = {key_of(role): principal(role, role) for role in ROLES}
    both = frozenset({"platform-engineer", "security-admin"})
    roles[key_of("operator")] = replace(principal("operator", ""), roles=both)
    parts = {"log": app.audit, "records": recorder, "rest_of": rest_of, "keys": roles}
    try:
        with serving_house(**parts) as house:
            yield Estate(house, app, all_routes(made[0], console), made[1])
    finally:
        recorder.close()
        app.close()
