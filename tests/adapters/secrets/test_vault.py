"""Secrets in Vault, as a small server that speaks its documented HTTP plays it."""

import http.server
import json
import threading

import pytest

from roadbed.adapters.secrets import vault
from roadbed.core.errors import Invalid, NotFound, Unavailable
from roadbed.settings import Settings
from roadbed.testing.secrets_contract import PATH, VALUE, SecretsContract

FIRST, SECOND = "hvs.first", "hvs.second"


class StandIn(http.server.ThreadingHTTPServer):
    """Vault's answers for one KV engine of each version, and three ways to log in."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.tokens, self.logins = {FIRST}, []
        self.status = 0
        self.versions = {PATH: [{"value": VALUE}], "turns": [{"k": "one"}]}
        self.plain = {PATH: {"value": VALUE}}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        place, _, query = self.path.partition("?")
        if self.server.status:
            return self.tell(self.server.status, {"errors": ["no"]})
        if self.headers["x-vault-token"] not in self.server.tokens:
            return self.tell(403, {"errors": ["permission denied"]})
        if place.startswith("/v1/kv/data/"):
            return self.second(place.removeprefix("/v1/kv/data/"), query)
        found = self.server.plain.get(place.removeprefix("/v1/old/"))
        status = 200 if found else 404
        return self.tell(status, {"data": found} if found else {"errors": []})

    def second(self, name, query):
        versions = self.server.versions.get(name, [])
        number = int(query.removeprefix("version=") or 0) or len(versions)
        if not 1 <= number <= len(versions):
            return self.tell(404, {"errors": []})
        data = {"data": versions[number - 1], "metadata": {"version": number}}
        return self.tell(200, {"data": data})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.logins.append((self.path, body))
        if "good" not in body.values():
            return self.tell(400, {"errors": ["invalid"]})
        self.server.tokens = {SECOND}
        return self.tell(200, {"auth": {"client_token": SECOND}})

    def tell(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server():
    running = StandIn()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def opened(server, tmp_path):
    def make(proof=FIRST, **more):
        (tmp_path / "proof").write_text(proof + "\n")
        return vault.source(
            Settings(
                state=tmp_path,
                vault_address=server.url,
                vault_credentials=tmp_path / "proof",
                **more,
            )
        )

    return make


class TestVaultSecondEngine(SecretsContract):
    path = f"kv/{PATH}"

    @pytest.fixture
    def source(self, opened):
        return opened()


class TestVaultFirstEngine(SecretsContract):
    path = f"old/{PATH}#value"

    @pytest.fixture
    def source(self, opened):
        return opened(vault_kv="1")


@pytest.mark.parametrize(
    ("way", "place", "sent"),
    [
        ("approle", "/v1/auth/approle/login", {"role_id": "me", "secret_id": "good"}),
        ("kubernetes", "/v1/auth/kubernetes/login", {"role": "me", "jwt": "good"}),
    ],
)
def test_what_proves_us_is_read_from_a_file(opened, server, way, place, sent):
    source = opened("good", vault_auth=way, vault_role="me")

    assert source.fetch(f"kv/{PATH}").reveal() == VALUE
    assert server.logins == [(place, sent)]


def test_a_token_that_has_run_out_is_replaced_by_a_new_login(opened, server):
    source = opened("good", vault_auth="approle", vault_role="me")
    source.fetch(f"kv/{PATH}")
    server.tokens = set()

    assert source.fetch(f"kv/{PATH}").reveal() == VALUE
    assert len(server.logins) == 2


def test_the_version_before_the_newest_is_still_known(opened, server):
    source = opened()
    never = source.previous("kv/turns#k")
    server.versions["turns"].append({"k": "two"})

    assert never is None
    assert source.fetch("kv/turns#k").reveal() == "two"
    assert source.previous("kv/turns#k").reveal() == "one"


@pytest.mark.parametrize("status", [403, 429, 500, 503, 307])
def test_a_vault_that_does_not_answer_is_unavailable(opened, server, status):
    server.status = status

    with pytest.raises(Unavailable):
        opened().fetch(f"kv/{PATH}")


def test_a_wrong_proof_is_unavailable_and_not_repeated(opened):
    with pytest.raises(Unavailable) as raised:
        opened("canary-77", vault_auth="approle").fetch(f"kv/{PATH}")

    assert "canary" not in repr(raised.value) + raised.value.hint


def test_a_key_that_is_not_there_is_not_found(opened):
    with pytest.raises(NotFound):
        opened().fetch("kv/turns#other")


@pytest.mark.parametrize("more", [{}, {"vault_address": "vault:8200"}])
def test_without_an_address_nothing_is_opened(tmp_path, more):
    with pytest.raises(Invalid, match="not configured"):
        vault.source(Settings(state=tmp_path, **more))


def test_without_a_proof_nothing_is_asked(tmp_path, server):
    settings = Settings(state=tmp_path, vault_address=server.url)

    with pytest.raises(Invalid, match="nothing to prove"):
        vault.source(settings).fetch(f"kv/{PATH}")
