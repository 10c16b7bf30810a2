"""Requests are for this host and from its own pages, or they go nowhere."""

import http.client
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.server.origin import (
    ForeignOrigin,
    Misdirected,
    allowed_hosts,
    read_once,
    refusal,
)
from tests.server.house import KEY

LOCAL = allowed_hosts("127.0.0.1", ["Roadbed.Example.com"])
EVERYWHERE = allowed_hosts("0.0.0.0", [])


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:8321", "localhost:1", "LOCALHOST", "[::1]:8321", "127.0.0.1"),
        *("roadbed.example.com", "Roadbed.Example.com:443", ""),
    ],
)
def test_the_names_of_this_server_are_answered(host):
    assert refusal(host, "", LOCAL) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8321", "127.0.0.1.evil.example", "10.0.0.7"),
        *("localhost.", "localhost@evil.example", "evil.example@localhost", "::1:x"),
        *("localhost:0", "localhost:999999", "localhost/x", "localhost, evil", "[::1"),
    ],
)
def test_a_name_that_is_not_ours_is_misdirected(host):
    assert isinstance(refusal(host, "", LOCAL), Misdirected)


def test_a_server_on_all_addresses_is_known_by_each_but_by_no_foreign_name():
    assert refusal("10.0.0.7:8321", "", EVERYWHERE) is None
    assert refusal("[fd00::7]:8321", "", EVERYWHERE) is None
    assert isinstance(refusal("evil.example", "", EVERYWHERE), Misdirected)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8321", "http://127.0.0.1:8321"),
        ("roadbed.example.com", "https://roadbed.example.com"),
        ("127.0.0.1:8321", "https://roadbed.example.com"),
    ],
)
def test_our_own_pages_may_ask(host, origin):
    assert refusal(host, origin, LOCAL) is None


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "http://localhost:3000", "http://localhost"),
        *("http://127.0.0.1", "http://127.0.0.1:8321.evil.example", "file://", "x"),
        *(
            "https://evil.example",
            "chrome-extension://abc",
            "http://roadbed.example.com",
        ),
    ],
)
def test_other_pages_may_not(origin):
    assert isinstance(refusal("127.0.0.1:8321", origin, LOCAL), ForeignOrigin)


@given(st.text(), st.text())
def test_whatever_is_let_through_names_us(host, origin):
    if refusal(host, origin, LOCAL) is None:
        name = host.lower().rpartition(":")[0] if ":" in host else host.lower()
        assert not host or name.strip("[]") in LOCAL or host.strip("[]") in LOCAL
        assert not origin or origin.lower().partition("://")[2] in (
            host.lower(),
            *LOCAL,
        )


@pytest.mark.parametrize("name", [b"host", b"authorization", b"content-length"])
def test_what_may_stand_once_does_not_stand_twice(name):
    with pytest.raises(Invalid, match=name.decode()):
        read_once([(name, b"1"), (b"accept", b"*/*"), (name, b"1")])


def told(house, path, headers, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
    connection.request(method, path, None, headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("path", "where"), [("/v1/models", ("error", "code")), ("/v2", ("error",))]
)
def test_a_foreign_host_is_told_421_in_the_dialect_of_the_path(house, path, where):
    answer, body = told(house, path, BEARER | {"Host": "evil.example"})
    said = json.loads(body)
    for key in where:
        said = said[key]

    assert answer.status == 421
    assert isinstance(said, str)
    assert "evil" not in body.decode()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_answer_invites_another_origin(house, method):
    asks = {"Access-Control-Request-Method": "POST"}
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{house.port}"):
        headers = BEARER | asks | {"Origin": origin}
        answer, _ = told(house, "/v1/chat/completions", headers, method)

        names = {name.lower() for name, _ in answer.getheaders()}
        assert not {n for n in names if n.startswith("access-control-")}
        assert answer.status == 403 or origin.startswith("http://127.0.0.1")


@pytest.mark.parametrize(
    "head",
    [
        b"host: x\r\nhost: x",
        b"host: x\r\nhost: evil.example",
        b"host: x\r\nauthorization: Bearer a\r\nauthorization: Bearer b",
        b"host: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked",
        b"host: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3",
        b"host: x\r\ncontent-length: 3\r\ncontent-length: 3",
        b"host: x\r\ntransfer-encoding: identity, chunked, identity",
        b"host: x\r\ntransfer-encoding : chunked",
        b"host: x\r\n content-length: 3",
        b"host: x\r\ncontent-length: +3",
        b"host: x\r\ncontent-length: 0x3",
        b"host: x\r\nx\x00y: 1",
        b"accept: */*",
    ],
)
def test_a_request_that_two_servers_would_read_differently_is_refused(house, head):
    smuggled = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"
    request = b"POST /v1/chat/completions HTTP/1.1\r\n" + head + b"\r\n\r\nabc"

    answered = house.raw(request + smuggled, half_close=True)

    assert answered.startswith(b"HTTP/1.1 400")
    assert b'"live"' not in answered


def test_many_small_headers_and_a_long_address_are_too_much(house):
    many = b"".join(b"x-%d: 1\r\n" % n for n in range(200))
    for request in (
        b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n" + many + b"\r\n",
        b"GET /v2/health/live?" + b"a" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ):
        assert house.raw(request, half_close=True).startswith(b"HTTP/1.1 431")
