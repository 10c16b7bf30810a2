"""Nobody leads us, or a visitor's browser, to a place they chose."""

import ast
import http.client
import json
import socket
import threading
from pathlib import Path

import pytest

from roadbed.adapters.providers.openai import Config, provider
from roadbed.adapters.secrets._resolver import Resolver
from roadbed.adapters.secrets.env import EnvSecrets
from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.core.errors import Invalid, RoadbedError, Unavailable
from roadbed.inference.snapshot import ModelVersion
from roadbed.server.hot import HOT_ROUTES
from roadbed.testing.provider_contract import Opened, answer, chat_request, finish_with
from roadbed.testing.upstream import Upstream
from tests.server.api.estate import serving_estate
from tests.server.house import KEY, serving_house

OWN = "sk-own-canary-1"
VERSION = ModelVersion(
    model="bot",
    number=1,
    digest="sha256:1",
    definition={"hosted": {"provider": "up", "upstream": "gpt-4o-2024-08-06"}},
)


def opened(url, **config):
    secrets = Resolver(lambda scheme: EnvSecrets({"KEY": OWN}), ["env"])
    made = provider(
        Config(base_url=url, api_key="secret://env/KEY", **config), None, secrets
    )
    return Opened(made, made.open(VERSION))


class Listener:
    """A host that nobody should ask; it counts who does."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self):
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            client.close()

    def close(self):
        self._socket.close()


@pytest.fixture
def trap():
    made = Listener()
    yield made
    made.close()


def ask(port, headers, **fields):
    body = {"model": "bot", "messages": [{"role": "user", "content": "hi"}], **fields}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {"Authorization": f"Bearer {KEY}", **headers}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), sent)
    answered = connection.getresponse()
    answered.read()
    connection.close()
    return answered.status


@pytest.fixture(scope="module")
def house():
    with Upstream() as upstream:
        both = opened(upstream.url, private=True)
        with serving_house(runners={"bot": both.runner}) as made:
            made.upstream = upstream
            yield made
            made.wait(both.provider.close())


FIELDS = ["api_base", "base_url", "api_key", "proxy", "extra_headers", "organization"]
HEADERS = [
    *("X-Upstream-Authorization", "X-Api-Base", "Api-Key", "X-Api-Key", "Cookie"),
    *("OpenAI-Organization", "OpenAI-Project", "X-Forwarded-Host", "X-Base-Url"),
    *("Proxy-Authorization", "Forwarded", "X-Stainless-Override", "Via"),
]


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_a_caller_moves_the_upstream(house, trap, field):
    """Case 19: `api_base` and its kin lead nowhere."""
    before = len(house.upstream.requests)
    status = ask(house.port, {}, **{field: trap.url})
    sent = house.upstream.requests[before:]

    assert trap.visits == 0
    assert status in (200, 400)
    assert all(r.headers["authorization"] == f"Bearer {OWN}" for r in sent)


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_of_a_caller_goes_up_or_moves_the_upstream(house, trap, name):
    """Case 19: provider headers of a caller are ignored."""
    before = len(house.upstream.requests)
    status = ask(house.port, {name: trap.url})
    (sent,) = house.upstream.requests[before:]

    assert (status, trap.visits) == (200, 0)
    assert trap.url not in str(dict(sent.headers))
    assert sent.headers["authorization"] == f"Bearer {OWN}"


def test_no_variable_of_the_environment_puts_a_proxy_in_between(trap, monkeypatch):
    """Case 19: proxy variables are not followed, and `.netrc` is not read."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, trap.url)
    with Upstream() as upstream:
        both = opened(upstream.url, private=True)
        finish_with(both, answer(both.runner, chat_request("a")))
        web = GuardedWeb(["127.0.0.1"]).get(upstream.url)

    assert (len(upstream.requests) >= 1, trap.visits) == (True, 0)
    assert web.status == 200


def test_addresses_inside_a_chat_are_never_fetched_by_us(house, trap):
    """Case 20: an image's URL is text to us; whoever runs the model may fetch it."""
    url = f"http://127.0.0.1:{trap.port}/cat.png"
    parts = [
        {"type": "text", "text": f"see {url}"},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "input_audio", "input_audio": {"data": url, "format": "wav"}},
        {"type": "file", "file": {"file_data": url}},
    ]
    before = len(house.upstream.requests)
    for part in parts:
        messages = [{"role": "user", "content": [parts[0], part]}]
        assert ask(house.port, {}, messages=messages) == 200

    assert len(house.upstream.requests) == before + len(parts)
    assert trap.visits == 0


INNER = [
    *("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0x7f000001"),
    *("2130706433", "0177.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"),
]


@pytest.mark.parametrize("host", INNER)
def test_no_spelling_of_an_inner_address_is_connected_to(trap, host):
    """Case 20: neither by what fetches, nor by a provider that is not `private`."""
    url = f"https://{host}:{trap.port}/v1"
    with pytest.raises((Invalid, Unavailable)):
        GuardedWeb().get(url)
    both = opened(url)
    with pytest.raises(RoadbedError):
        finish_with(both, answer(both.runner, chat_request("a"), deadline_ms=3000))

    assert trap.visits == 0


class Rebinding:
    """A name server whose name is public at first, and then leads inside."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host, port):
        self.asked += 1
        return [self.answers[min(self.asked, len(self.answers)) - 1]]


def test_a_name_that_changes_between_two_questions_gains_nothing(trap):
    """Case 20: DNS rebinding. The address that was judged is the one connected to."""
    names = Rebinding("192.0.2.77", "127.0.0.1")
    web = GuardedWeb(resolve=names)

    with pytest.raises(Invalid):
        web.get(f"https://rebind.example:{trap.port}/")
    with pytest.raises(Invalid):
        web.get(f"https://rebind.example:{trap.port}/")
    assert (names.asked, trap.visits) == (2, 0)


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    with serving_estate(tmp_path_factory.mktemp("hosts")) as made:
        yield made


def every_route(estate):
    lines = {(line.method, line.path) for line in estate.routes}
    return sorted(lines | {(route.method, route.path) for route in HOT_ROUTES})


BAD = [
    ({"Host": "rebound.example"}, 421),
    ({"Host": "127.0.0.1.rebound.example:8321"}, 421),
    ({"Origin": "http://rebound.example"}, 403),
    ({"Origin": "null"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), BAD)
def test_no_route_answers_a_foreign_name_or_page_even_with_a_key(
    estate, headers, status
):
    """Case 24: every route, with a key that may do everything it asks."""
    for method, path in every_route(estate):
        got, sent, told = estate.ask(
            method, path, "platform-engineer", headers=headers | {"Cookie": "a=b"}
        )

        assert got == status, (method, path)
        assert not [n for n in sent if n.lower().startswith("access-control")]
        assert "rebound" not in str(told)


def test_no_preflight_is_granted_on_any_route(estate):
    """Case 24: CORS is never reflected, with or without credentials."""
    wish = {"Access-Control-Request-Method": "POST"}
    for origin in ("http://rebound.example", f"http://127.0.0.1:{estate.house.port}"):
        for _, path in every_route(estate):
            _, sent, _ = estate.ask(
                "OPTIONS", path, "viewer", headers=wish | {"Origin": origin}
            )

            assert not [n for n in sent if n.lower().startswith("access-control")]


OPENS = {"aiohttp", "http.client", "urllib.request", "requests", "httpx", "smtplib"}
CALLS = {"create_connection", "open_connection", "sock_connect", "connect_ex"}
"""Calls that open a connection without a library."""
PLACES = {
    "adapters/secrets/vault.py",
    "adapters/traces/otlp.py",
    "adapters/web/guarded.py",
    "loadtest/drive.py",
    "transport/connector.py",
    "transport/http/other.py",
}
"""Who may open connections: each judges where to, or asks where an operator said."""


def test_nothing_opens_a_connection_past_the_guards():
    """Case 20: a new place that asks the network is on the list, or not there."""
    found = set()
    for path in sorted(Path("src/roadbed").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{a.name}" for a in node.names]
                names.append(node.module or "")
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in CALLS:
                found.add(path.relative_to("src/roadbed").as_posix())
            if {n for n in names if n in OPENS}:
                found.add(path.relative_to("src/roadbed").as_posix())

    assert {name for name in found if not name.startswith("testing/")} == PLACES
