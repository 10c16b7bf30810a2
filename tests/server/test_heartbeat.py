"""A stream shows that it is alive before it has anything to say."""

import asyncio
import json
import socket
import threading
import time

import openai
import pytest

from roadbed.core.errors import Unavailable
from roadbed.inference.call import Chunk
from tests.server.house import Runner
from tests.server.reusing import ask, behind, client_of, house_of, request_bytes

BEAT = b": still working\n\n"
BODY = json.dumps(
    {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
).encode()


class Waits(Runner):
    """Says nothing until `go` is set, then a word, nothing again, and then the end."""

    def __init__(self, error=None, word="word"):
        super().__init__()
        self.error, self.word = error, word
        self.go, self.on = threading.Event(), threading.Event()

    async def send(self, call):
        await asyncio.to_thread(self.go.wait, 20)
        if self.word:
            yield Chunk(text=self.word)
            await asyncio.to_thread(self.on.wait, 20)
        if self.error:
            raise self.error
        yield Chunk(text=" end", finish="stop")


def served(runner, heartbeat_s=0.05):
    return house_of({"m": runner}, {"m": {"heartbeat_s": heartbeat_s}})


def connected(house):
    return socket.create_connection(("127.0.0.1", house.port), 20)


def read_until(client, words, count=1):
    got = b""
    while got.count(words) < count:
        part = client.recv(65536)
        assert part, got
        got += part
    return got


def test_heartbeats_flow_before_between_and_after_the_words():
    runner = Waits()
    with served(runner) as house, connected(house) as client:
        client.sendall(request_bytes(BODY))
        first = read_until(client, BEAT, 3)
        runner.go.set()
        second = read_until(client, b"word")
        third = read_until(client, BEAT, 3)
        runner.on.set()
        last = read_until(client, b"[DONE]")

    assert first.startswith(b"HTTP/1.1 200 OK")
    assert b"text/event-stream" in first
    assert b"data:" not in first
    whole = unchunked(first + second + third + last)
    events = [e for e in whole.split(b"\n\n") if e and not e.startswith(b":")]
    said = [json.loads(e[6:]) for e in events if b"[DONE]" not in e]
    assert "".join(s["choices"][0]["delta"].get("content", "") for s in said) == (
        "word end"
    )


def unchunked(data):
    """Return the body of an HTTP answer that was sent in chunks."""
    _, _, rest = data.partition(b"\r\n\r\n")
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not size or int(size, 16) == 0:
            break
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def test_an_error_before_the_first_heartbeat_has_its_status():
    runner = Waits(Unavailable("down"), word="")
    with served(runner, heartbeat_s=30) as house, client_of(house) as client:
        runner.go.set()
        with pytest.raises(openai.APIStatusError) as raised:
            ask(client, "m", stream=True)

    assert raised.value.status_code == 502


def test_an_error_after_an_early_200_is_told_in_the_stream():
    runner = Waits(Unavailable("down"), word="")
    with served(runner) as house, connected(house) as client:
        client.sendall(request_bytes(BODY))
        begun = read_until(client, BEAT)
        runner.go.set()
        told = read_until(client, b'"error"')
        record = house.last()

    assert begun.startswith(b"HTTP/1.1 200 OK")
    assert b"provider_unavailable" in told
    assert b"[DONE]" not in begun + told
    assert (record.status, record.error) == ("error", "provider_unavailable")


def test_an_upstream_that_is_slow_keeps_the_sdk_waiting_well():
    terms = {"heartbeat_s": 0.1}
    with behind("slow-first-byte", terms=terms) as (_, client):
        chunks = list(ask(client, stream=True).parse())

    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    assert text == "You said: hello there"


@pytest.mark.parametrize("heartbeat_s", [0, 30])
def test_none_is_sent_where_none_is_wanted_or_due(heartbeat_s):
    runner = Waits()
    runner.on.set()
    with served(runner, heartbeat_s) as house, client_of(house) as client:
        threading.Timer(0.2, runner.go.set).start()
        began = time.monotonic()
        with client.chat.completions.with_streaming_response.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True
        ) as answer:
            lines = [line for line in answer.iter_lines() if line]

    assert time.monotonic() - began > 0.1
    assert all(line.startswith("data:") for line in lines)


def test_what_is_known_late_is_told_in_a_comment_after_an_early_200():
    terms = {"heartbeat_s": 0.1}
    with (
        behind("slow-first-byte", terms=terms) as (house, _),
        connected(house) as client,
    ):
        body = json.loads(BODY) | {"model": "support"}
        client.sendall(request_bytes(json.dumps(body).encode()))
        got = read_until(client, b"\r\n0\r\n\r\n")
        head, _, _ = got.partition(b"\r\n\r\n")
        last = unchunked(got).partition(b"[DONE]\n\n")[2]

    assert b"x-roadbed-attempts" not in head
    assert last == b": x-roadbed-attempts: 1\n: x-roadbed-model: support@3\n\n"


def test_an_error_after_an_early_200_tells_of_the_attempts_too():
    runner = Waits(Unavailable("down"), word="")
    with served(runner) as house, connected(house) as client:
        client.sendall(request_bytes(BODY))
        read_until(client, BEAT)
        runner.go.set()
        told = read_until(client, b"\r\n0\r\n\r\n")

    assert b": x-roadbed-attempts: " in told
    assert b"x-roadbed-model" not in told
