"""A served line for scientists of two tenants, spoken to as MLflow's client does."""

import pytest

from roadbed.identity.keys import create_key
from tests.control.stacks import OPERATOR, resource
from tests.served_line import ServedLine

DAY_US = 86_400_000_000
API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"


def account(name, roles, tenant="default"):
    text = resource("ServiceAccount", name, f"roles: [{roles}]\nkeys: true")
    return text.replace(f"{{name: {name}}}", f"{{name: {name}, tenant: {tenant}}}")


def key_of(app, name):
    """Return a new key of an account."""
    told = {"now_us": app.now_us(), "lifetime_us": DAY_US, "created_by": "test"}
    with app.database.write() as connection:
        return create_key(connection, name, **told).secret.reveal()


class Client:
    """One account that speaks the protocol."""

    def __init__(self, line, name):
        self.line, self.key = line, line.keys[name]

    def ask(self, method, path, body=None, **more):
        where = path if path.startswith("/") else API + path
        return self.line.ask(method, where, self.key, body, **more)

    def post(self, path, **body):
        status, _, told = self.ask("POST", path, body)
        assert status == 200, told
        return told

    def get(self, path):
        status, _, told = self.ask("GET", path)
        assert status == 200, told
        return told

    def refused(self, code, method, path, **body):
        """Return the message of a refusal with this code."""
        data = body if method != "GET" else None
        status, _, told = self.ask(method, path, data)
        assert set(told) == {"error_code", "message"}, told
        assert told["error_code"] == code, told
        return status, told["message"]

    def run(self, experiment="0", **more):
        return self.post("runs/create", experiment_id=experiment, **more)["run"]["info"]

    def put(self, run, path, data):
        where = f"{FILES}{run['experiment_id']}/{run['run_id']}/artifacts/{path}"
        return self.ask("PUT", where, data)[0]

    def found(self, text="", **more):
        wanted = {"experiment_ids": ["0"], "filter": text, **more}
        return [r["info"]["run_name"] for r in self.search(**wanted)["runs"]]

    def search(self, **wanted):
        return self.post("runs/search", **wanted)


@pytest.fixture(scope="session")
def line(tmp_path_factory):
    accounts = (
        account("ada", "researcher"),
        account("eva", "viewer"),
        account("abe", "researcher", "acme"),
    )
    made = ServedLine(tmp_path_factory.mktemp("tracked"))
    made.apply(OPERATOR, *accounts)
    made.keys = {name: key_of(made.app, name) for name in ("ada", "eva", "abe")}
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def ada(line):
    return Client(line, "ada")


@pytest.fixture(scope="session")
def eva(line):
    return Client(line, "eva")


@pytest.fixture(scope="session")
def abe(line):
    return Client(line, "abe")
