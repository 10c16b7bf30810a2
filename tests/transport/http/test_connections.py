"""Connections are kept, bounded and given up by rule; so is the time for them."""

import asyncio
import socket
import ssl
import time

import pytest

from roadbed.core.errors import ProviderError, TimedOut, Unavailable
from roadbed.testing.upstream.certificate import context
from roadbed.transport import connector
from roadbed.transport.connector import Names, connected
from roadbed.transport.http import connection, origin
from roadbed.transport.http.answer import HIGH
from roadbed.transport.http.client import OwnClient
from roadbed.transport.http.connection import Connection
from roadbed.transport.http.origin import Connections
from roadbed.transport.http.patience import Patience
from roadbed.transport.http.target import Origin, head_of, target_of
from tests.transport.http.servers import (
    OK,
    SHORT,
    Waits,
    client,
    fetch,
    serving,
    soon,
)


def test_one_connection_serves_one_call_after_another():
    async def go():
        async with serving(SHORT) as (server, url), client() as made:
            for _ in range(20):
                await fetch(made, url)
            return server.connections

    assert asyncio.run(go()) == 1


def test_calls_at_once_have_a_connection_each_and_keep_them():
    async def go():
        async with serving(SHORT) as (server, url), client() as made:
            for _ in range(3):
                await asyncio.gather(*(fetch(made, url) for _ in range(5)))
            return server.connections

    assert asyncio.run(go()) == 5


def test_no_call_sets_a_timer_of_its_own(monkeypatch):
    """The first sets one for all; those that follow find it there."""
    timers = []

    async def go():
        loop = asyncio.get_running_loop()
        async with serving(SHORT) as (_, url), client() as made:
            await fetch(made, url)
            for name in ("call_later", "call_at"):
                real = getattr(loop, name)

                def noted(*words, real=real, **how):
                    timers.append(words)
                    return real(*words, **how)

                monkeypatch.setattr(loop, name, noted)
            for _ in range(50):
                await fetch(made, url)

    asyncio.run(go())

    assert len(timers) <= 2


def test_no_call_makes_a_task_of_its_own():
    made_tasks = []

    async def go():
        async with serving(SHORT) as (_, url), client() as made:
            await fetch(made, url)
            loop = asyncio.get_running_loop()

            def noted(loop, work, **how):
                made_tasks.append(work)
                return asyncio.Task(work, loop=loop, **how)

            loop.set_task_factory(noted)
            for _ in range(20):
                await fetch(made, url)
            return list(made_tasks)

    assert asyncio.run(go()) == []


def pooled(url, most):
    made = Connections(target_of(url).origin, Patience(), private=True, most=most)

    async def ask():
        one = await made.take(Waits())
        answer = await one.ask(head_of("POST", target_of(url), {}, 0), b"", soon())
        body = await answer.more(soon())
        await asyncio.sleep(0)
        answer.release()
        return body

    return made, ask


def test_connections_are_bounded_and_whoever_comes_then_waits():
    async def go():
        async with serving(SHORT) as (server, url):
            made, ask = pooled(url, 2)
            told = await asyncio.gather(*(ask() for _ in range(30)))
            made.close()
            return server.connections, told

    assert asyncio.run(go()) == (2, [b"hi"] * 30)


def test_whoever_waits_for_a_connection_in_vain_is_told_and_leaves_no_hole():
    async def go():
        async with serving(SHORT) as (_, url):
            made, ask = pooled(url, 1)
            held = await made.take(Waits())
            with pytest.raises(Unavailable, match="no connection in time"):
                await made.take(Waits(connect_s=0.02))
            with pytest.raises(TimedOut, match="did not begin"):
                await made.take(Waits(first_s=0.02))
            leaving = asyncio.ensure_future(made.take(Waits()))
            await asyncio.sleep(0.01)
            leaving.cancel()
            await asyncio.sleep(0)
            held.close()
            told = await ask()
            made.close()
            return told

    assert asyncio.run(go()) == b"hi"


def test_a_connection_that_was_closed_meanwhile_is_not_asked():
    async def answer(server, writer):
        writer.write(SHORT)
        if server.connections == 1:
            raise ConnectionError

    async def go():
        async with serving(answer) as (server, url), client() as made:
            told = [await fetch(made, url)]
            await server.lost.wait()
            await asyncio.sleep(0.01)
            told += [await fetch(made, url) for _ in range(2)]
            return told, server.connections, len(server.heads)

    assert asyncio.run(go()) == ([(200, b"hi")] * 3, 2, 3)


def test_a_connection_in_doubt_is_let_speak_first(monkeypatch):
    """Its end has come, and the event loop has not seen it yet."""
    monkeypatch.setattr(origin, "DOUBT_S", -1.0)

    async def answer(server, writer):
        writer.write(SHORT)
        if server.connections == 1:
            raise ConnectionError

    async def go():
        async with serving(answer) as (server, url), client() as made:
            await fetch(made, url)
            await server.lost.wait()
            for _ in range(10):
                await asyncio.sleep(0)
            return await fetch(made, url)

    assert asyncio.run(go()) == (200, b"hi")


def test_a_request_that_was_sent_is_never_sent_again():
    async def answer(server, writer):
        if len(server.heads) == 2:
            raise ConnectionError
        writer.write(SHORT)

    async def go():
        async with serving(answer) as (server, url), client() as made:
            await fetch(made, url)
            with pytest.raises(Unavailable):
                await fetch(made, url)
            return len(server.heads)

    assert asyncio.run(go()) == 2


def test_idle_connections_are_closed_in_time(monkeypatch):
    monkeypatch.setattr(origin, "KEEP_S", 0.05)

    async def go():
        async with serving(SHORT) as (server, url), client() as made:
            await asyncio.gather(*(fetch(made, url) for _ in range(2)))
            async with asyncio.timeout(10):
                await server.lost.wait()
            await asyncio.sleep(0.2)
            await fetch(made, url)
            return server.connections

    assert asyncio.run(go()) == 3


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_who_says_so_or_is_old_is_not_asked_again(version):
    close = b"" if version == b"HTTP/1.0" else b"connection: close\r\n"
    said = version + b" 200 OK\r\n" + close + b"content-length: 2\r\n\r\nhi"

    async def go():
        async with serving(said) as (server, url), client() as made:
            for _ in range(2):
                await fetch(made, url)
            return server.connections

    assert asyncio.run(go()) == 2


@pytest.mark.parametrize("begun", [False, True], ids=["before-head", "in-body"])
def test_a_call_that_is_cancelled_closes_its_connection(begun):
    said = OK + b"content-length: 9\r\n\r\nhi" if begun else b""

    async def go():
        async with serving(said) as (server, url), client() as made:
            asking = asyncio.ensure_future(fetch(made, url))
            async with asyncio.timeout(10):
                await server.asked.wait()
            await asyncio.sleep(0.02)
            asking.cancel()
            async with asyncio.timeout(10):
                await server.lost.wait()
            return asking.cancelled() or await asyncio.wait([asking])

    assert asyncio.run(go())


def test_the_end_of_a_body_that_nobody_waits_for_keeps_the_connection(monkeypatch):
    monkeypatch.setattr(origin, "SOON_S", 10.0)
    monkeypatch.setattr(connection, "LINGER_S", 10.0)

    async def answer(server, writer):
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")

    async def go():
        async with serving(answer) as (server, url), client() as made:
            for _ in range(3):
                got = await made.post(url, b"", {}, Waits())
                assert await got.more(soon()) == b"hi"
                got.leave()
                got.release()
            return server.connections

    assert asyncio.run(go()) == 1


def test_an_end_that_does_not_come_is_not_waited_for():
    async def go():
        said = OK + b"content-length: 9\r\n\r\nhi"
        async with serving(said) as (server, url), client() as made:
            got = await made.post(url, b"", {}, Waits())
            await got.more(soon())
            got.leave()
            got.release()
            async with asyncio.timeout(10):
                await server.lost.wait()
            return server.connections

    assert asyncio.run(go()) == 1


def test_an_answer_before_the_question_was_sent_is_heard():
    async def answer(server, writer):
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await asyncio.sleep(10)

    async def go():
        async with serving(answer) as (server, url), client() as made:
            body = b"x" * 20_000_000
            return await fetch(made, url + "/unread", body), len(server.bodies)

    assert asyncio.run(go()) == ((413, b"no"), 0)


@pytest.mark.parametrize("size", [0, 1, 300_000, 5_000_000])
def test_a_question_of_any_size_arrives_whole(size):
    async def go():
        async with serving(SHORT) as (server, url), client() as made:
            body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            for _ in range(2):
                await fetch(made, url, body)
            return server.bodies == [body, body], server.connections

    assert asyncio.run(go()) == (True, 1)


def test_a_server_that_reads_nothing_is_given_up():
    async def answer(server, writer):
        await asyncio.sleep(10)

    async def go():
        async with serving(answer) as (_, url), client() as made:
            await fetch(made, url + "/unread", b"x" * 20_000_000, Waits(first_s=0.2))

    with pytest.raises(TimedOut):
        asyncio.run(go())


def test_whoever_reads_slowly_slows_the_server_down():
    size = 50_000_000
    sent = []

    async def answer(server, writer):
        writer.write(OK + b"content-length: %d\r\n\r\n" % size)
        for _ in range(size // 100_000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent.append(100_000)

    async def go():
        async with serving(answer) as (_, url), client() as made:
            got = await made.post(url, b"", {}, Waits())
            before = -1
            while len(sent) != before:
                before = len(sent)
                await asyncio.sleep(0.1)
            held, total = sum(sent), 0
            while piece := await got.more(soon()):
                assert len(piece) <= 2 * HIGH
                total += len(piece)
            got.release()
            return held, total

    held, total = asyncio.run(go())
    assert total == size
    assert held < size / 2


def test_a_header_cannot_become_two():
    async def go(value):
        async with serving(SHORT) as (server, url), client() as made:
            with pytest.raises(ProviderError, match="line break"):
                await fetch(made, url, headers={"x-a": value})
            return server.connections

    for value in ("a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b"):
        assert asyncio.run(go(value)) == 0


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("https://a.example/v1/m%3A0?x=1", "/v1/m%3A0?x=1"),
        ("https://a.example/v1/a b", "/v1/a%20b"),
        ("https://a.example/v1/ü", "/v1/%C3%BC"),
        ("https://a.example/v1\r\nx-evil: 1", None),
    ],
)
def test_the_address_is_one_line(url, line):
    try:
        lines = target_of(url).lines
    except (ProviderError, ValueError):
        assert line is None
        return
    assert lines.count("\r\n") == 3
    assert line is None or lines.startswith(f" {line} HTTP/1.1\r\nHost: a.example\r\n")


def test_a_head_request_ends_with_the_head():
    async def go():
        async with serving(OK + b"content-length: 9\r\n\r\n") as (_, url):
            made = Connections(target_of(url).origin, Patience(), private=True)
            one = await made.take(Waits())
            head = head_of("HEAD", target_of(url), {}, 0)
            answer = await one.ask(head, b"", soon())
            body = await answer.more(soon())
            answer.release()
            return body, one.open

    assert asyncio.run(go()) == (b"", False)


# The guards.


def test_each_address_of_a_name_is_judged_and_an_inner_one_never_dialled(monkeypatch):
    """A name with two addresses: the public one alone is tried."""
    dialled = []

    async def go():
        loop = asyncio.get_running_loop()

        async def found(*_, **__):
            kinds = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kinds, ("127.0.0.1", 9)), (*kinds, ("192.88.1.1", 9))]

        async def dial(made, address):
            dialled.append(address[0])
            raise OSError("nobody there")

        monkeypatch.setattr(loop, "getaddrinfo", found)
        monkeypatch.setattr(loop, "sock_connect", dial)
        names = Names("both.example", 9)
        for _ in range(2):
            with pytest.raises(OSError):
                await connected(
                    names, asyncio.Protocol, tls=False, private=False, patience_s=1
                )

    asyncio.run(go())

    assert dialled == ["192.88.1.1"] * 2


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch):
    async def go():
        async with serving(SHORT) as (_, url):
            loop = asyncio.get_running_loop()
            port = target_of(url).origin.port
            real, kinds = loop.sock_connect, (socket.AF_INET, socket.SOCK_STREAM, 6, "")

            async def found(*_, **__):
                return [(*kinds, ("192.0.2.1", port)), (*kinds, ("127.0.0.1", port))]

            async def dial(made, address):
                if address[0] == "192.0.2.1":
                    await asyncio.sleep(60)
                await real(made, address)

            monkeypatch.setattr(loop, "getaddrinfo", found)
            monkeypatch.setattr(loop, "sock_connect", dial)
            async with client() as made:
                return await fetch(made, url, waits=Waits(connect_s=1.0))

    assert asyncio.run(go()) == (200, b"hi")


@pytest.mark.parametrize("kind", ["expired", "untrusted"])
def test_a_certificate_that_is_no_good_ends_it_before_a_byte_is_sent(kind):
    async def go():
        theirs = context(kind)
        async with serving(SHORT, tls=theirs) as (server, url), client() as made:
            with pytest.raises(Unavailable) as raised:
                await fetch(made, url)
            return raised.value.reached, server.heads

    assert asyncio.run(go()) == (False, [])


def test_a_trusted_certificate_is_for_one_name(monkeypatch):
    """The same server under a name that its certificate does not have is refused."""
    theirs = context("untrusted")
    trusting = ssl.create_default_context()
    trusting.check_hostname = True
    monkeypatch.setattr(connector, "_verified", lambda: trusting)

    async def go():
        async with serving(SHORT, tls=theirs) as (server, url):
            port = target_of(url).origin.port
            names = []
            theirs.sni_callback = lambda _, name, __: names.append(name)
            made = Connections(
                Origin("localhost", port, tls=True), Patience(), private=True
            )
            with pytest.raises(Unavailable):
                await made.take(Waits())
            return names, server.heads

    assert asyncio.run(go()) == (["localhost"], [])


def test_a_closed_client_opens_nothing():
    async def go():
        async with serving(SHORT) as (server, url):
            made = OwnClient(private=True)
            await fetch(made, url)
            await made.close()
            with pytest.raises(Unavailable, match="closed"):
                await fetch(made, url)
            return server.connections

    assert asyncio.run(go()) == 1


def test_patience_looks_once_for_all():
    async def go():
        patience, loop = Patience(), asyncio.get_running_loop()
        begin = time.monotonic()
        waits = [0.05, 0.2, 30.0]
        futures = [loop.create_future() for _ in waits]
        told = await asyncio.gather(
            *(patience.wait(f, soon(w)) for f, w in zip(futures, waits, strict=True)),
            stopping(futures[2]),
            return_exceptions=True,
        )
        return told, time.monotonic() - begin, patience._awaited

    async def stopping(future):
        await asyncio.sleep(0.3)
        future.set_result(None)

    told, took_s, left = asyncio.run(go())

    assert [type(t) for t in told[:2]] == [TimedOut, TimedOut]
    assert (told[2], left) == (None, {})
    assert 0.2 <= took_s < 20


def test_a_connection_is_a_protocol_without_a_cycle_after_its_end():
    async def go():
        async with serving(SHORT) as (_, url), client() as made:
            one = await made._to(target_of(url).origin).take(Waits())
            one.close()
            await asyncio.sleep(0.01)
            return isinstance(one, Connection), one._parser

    assert asyncio.run(go()) == (True, None)
