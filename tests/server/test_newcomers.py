"""A key is good from the moment it is made, on every route; strangers cost little."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from roadbed.identity.keys import create_key, revoke_key
from roadbed.server import reload
from roadbed.server.newcomers import Newcomers
from tests.control.stacks import OPERATOR
from tests.served_line import serving


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A line that looks for changes once in a while only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reload, "EVERY_S", 600.0)
        with serving(tmp_path_factory.mktemp("line"), OPERATOR) as line:
            yield line


@pytest.fixture
def key(line):
    """A key that was made just now."""
    with line.app.database.write() as connection:
        now_us = line.app.now_us()
        made = create_key(connection, "operator", now_us=now_us, created_by="me")
    yield made.secret.reveal()
    with line.app.database.write() as connection:
        revoke_key(connection, made.id, line.app.now_us(), revoked_by="me")


HELLO = {"model": "nobody", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (("GET", "/v1/models", "authorization", None), 200),
        (("GET", "/api/v1/whoami", "authorization", None), 200),
        (("POST", "/v1/chat/completions", "authorization", HELLO), 404),
        (("POST", "/v1/messages", "x-api-key", HELLO | {"max_tokens": 9}), 404),
    ],
)
def test_a_key_is_known_as_soon_as_it_is_made(line, key, how, status):
    method, path, header, body = how
    shown = {header: f"Bearer {key}" if header == "authorization" else key}

    assert line.ask(method, path, body=body, headers=shown)[0] == status


def test_a_key_that_nobody_made_is_refused_after_a_look(line):
    begun = time.monotonic()

    assert line.ask("GET", "/v1/models", "rbk_nobody_made_this")[0] == 401
    assert line.ask("GET", "/api/v1/whoami", "rbk_nobody_made_this")[0] == 401
    assert time.monotonic() - begun < 30


class Looking:
    """Looks that are counted, and last as long as a test wants."""

    def __init__(self):
        self.times, self.go = 0, threading.Event()
        self.switch = SimpleNamespace(
            serving=SimpleNamespace(snapshot=SimpleNamespace(credentials={}))
        )

    def __call__(self):
        self.times += 1
        assert self.go.wait(20)
        raise OSError("the database is away")


def scope(key="rbk_stranger"):
    headers = [(b"authorization", f"Bearer {key}".encode())]
    return {"type": "http", "headers": headers}


def test_strangers_share_a_look():
    looking = Looking()

    async def many():
        pool = ThreadPoolExecutor(max_workers=4)
        asyncio.get_running_loop().set_default_executor(pool)
        newcomers = Newcomers(looking.switch, looking)
        first = [asyncio.ensure_future(newcomers.meet(scope())) for _ in range(50)]
        await asyncio.sleep(0.2)
        later = [asyncio.ensure_future(newcomers.meet(scope())) for _ in range(50)]
        await asyncio.sleep(0.2)
        during = looking.times
        looking.go.set()
        await asyncio.gather(*first, *later)
        return during

    assert (asyncio.run(many()), looking.times) == (1, 2)


def test_nobody_waits_for_a_database_that_is_frozen():
    looking = Looking()

    async def one():
        newcomers = Newcomers(looking.switch, looking)
        begun = time.monotonic()
        await newcomers.meet(scope())
        took_s = time.monotonic() - begun
        looking.go.set()
        return took_s

    assert asyncio.run(one()) < 10


@pytest.mark.parametrize("key", ["", "rbs_session", "eyJhbGciOi", "rbt_bootstrap"])
def test_what_is_no_key_waits_for_nothing(key):
    assert Newcomers(Looking().switch, None).meet(scope(key)) is None
