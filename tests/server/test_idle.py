"""A connection that asks for nothing is closed, and one that is asked on is kept."""

import asyncio
import socket
from contextlib import contextmanager

from tests.server.house import KEY, serving_house

BODY = b'{"model":"echo","messages":[{"role":"user","content":"hello"}]}'
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n"
    b"content-length: %d\r\n\r\n%s" % (KEY.encode(), len(BODY), BODY)
)


@contextmanager
def connected(idle_seconds):
    with (
        serving_house(idle_seconds=idle_seconds, sweep_seconds=0.05) as house,
        socket.create_connection(("127.0.0.1", house.port), 20) as opened,
    ):
        yield house, opened


def answered(opened):
    opened.sendall(REQUEST)
    return opened.recv(65536).startswith(b"HTTP/1.1 200")


def test_who_asks_for_nothing_is_let_go_of():
    with connected(idle_seconds=0.5) as (_, opened):
        assert answered(opened)
        assert opened.recv(1) == b""


def test_who_has_not_been_idle_for_long_is_kept():
    with connected(idle_seconds=600) as (house, opened):
        assert answered(opened)
        house.wait(asyncio.sleep(0.3))
        assert answered(opened)
