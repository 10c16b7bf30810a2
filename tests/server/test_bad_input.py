"""Bad input gets a clear answer in the caller's dialect, and nothing hangs."""

import json
import socket
import threading
import time
from contextlib import suppress
from functools import partial

import pytest

from tests import waiting
from tests.server.house import KEY, serving_house

until = partial(waiting.until, seconds=20)

CHAT, INFER = "/v1/chat/completions", "/v2/models/adds/infer"
GOOD = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
MB = 1024 * 1024


def with_(**fields):
    return json.dumps(GOOD | fields).encode()


BAD_CHATS = {
    "empty": (b"", "not JSON"),
    "cut": (b'{"model": "echo", "mess', "not JSON"),
    "array": (b"[1, 2]", "Expected `object`"),
    "trailing": (with_() + b"x", "not JSON"),
    "utf8": (b'{"model": "echo", "user": "\xff\xfe"}', "UTF-8"),
    "surrogate": (b'{"model": "\\ud800", "messages": []}', "not JSON"),
    "nan": (b'{"model": "echo", "temperature": NaN}', "not JSON"),
    "deep": (b'{"model": "echo", "x": ' + b"[" * 100_000, "deep"),
    "deep-messages": (b'{"messages": ' + b'[{"a":' * 50_000, "deep"),
    "twice": (b'{"model": "echo", "model": "adds", "messages": []}', "more than once"),
    "twice-hidden": (b'{"model":"echo","mod\\u0065l":"adds"}', "more than once"),
    "no-model": (json.dumps({"messages": GOOD["messages"]}).encode(), "model"),
    "model-type": (with_(model=3), "model"),
    "model-null": (with_(model=None), "model"),
    "no-messages": (b'{"model": "echo"}', "messages is missing"),
    "messages-empty": (with_(messages=[]), "messages is empty"),
    "messages-type": (with_(messages="hi"), "Expected `array`"),
    "no-role": (with_(messages=[{"content": "hi"}]), "role"),
    "role": (with_(messages=[{"role": "boss", "content": "hi"}]), "boss"),
    "content": (with_(messages=[{"role": "user", "content": 3}]), "content"),
    "stream": (with_(stream="yes"), "stream"),
    "options": (with_(stream_options={"include_usage": True}), "stream_options"),
    "many-fields": (json.dumps({str(n): n for n in range(999)}).encode(), "256"),
}


@pytest.mark.parametrize("name", BAD_CHATS)
def test_a_wrong_chat_is_told_what_is_wrong(house, post, name):
    body, said = BAD_CHATS[name]
    status, headers, told = post(CHAT, body)
    error = json.loads(told)["error"]

    assert status == 400
    assert said in error["message"]
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
    assert house.last(headers["x-roadbed-call"]).error == "invalid"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"inputs":' * 50_000])
def test_a_wrong_inference_is_told_in_its_own_dialect(post, body):
    status, _, told = post(INFER, body)

    assert status == 400
    assert isinstance(json.loads(told)["error"], str)


def test_a_stranger_is_told_401_whatever_the_body(house, post):
    wrong = {"Authorization": "Bearer rbk_nobody"}
    for body in (b"", b"{", b"x" * (200 * 1024), json.dumps(GOOD).encode()):
        status, headers, told = post(CHAT, body, wrong)

        assert status == 401
        assert b"invalid_api_key" in told
        assert house.last(headers["x-roadbed-call"]).status == "denied"


@pytest.mark.parametrize("path", [CHAT, INFER])
def test_fifty_megabytes_are_too_many(post, path):
    status, headers, told = post(path, b" " * (50 * MB))

    assert status == 413
    assert "ROADBED_MAX_BODY_BYTES" in str(json.loads(told)["error"])
    assert headers["x-roadbed-call"]


def test_a_body_without_a_length_is_bounded_too(house):
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        "transfer-encoding: chunked\r\n\r\n"
    ).encode()
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"

    told = house.raw(head + piece * 40 + b"0\r\n\r\n")

    assert told.startswith(b"HTTP/1.1 413")
    assert b"request_too_large" in told


def test_an_announced_giant_is_refused_before_it_comes(house):
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-length: {10**15}\r\n\r\n"
    ).encode()

    with socket.create_connection(("127.0.0.1", house.port), 5) as client:
        client.sendall(head)
        told = client.recv(65536)

    assert told.startswith(b"HTTP/1.1 413")


def test_a_body_that_never_comes_is_given_up():
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        'content-length: 100\r\n\r\n{"model'
    ).encode()

    with serving_house(body_seconds=0.3, linger_seconds=0.3) as house:
        told = house.raw(head)

    assert told.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in told


def test_large_requests_share_bounded_room_and_give_it_back():
    big = with_(user="x" * 400_000)
    with serving_house(held_bytes=600_000) as house:
        first = socket.create_connection(("127.0.0.1", house.port), 5)
        first.sendall(chat_head(big)[:-100])
        assert until(lambda: b" 503 " in house.raw(chat_head(big, close=True))[:20])
        first.close()
        assert until(lambda: b" 200 " in house.raw(chat_head(big, close=True))[:20])


def test_a_client_that_leaves_during_its_body_leaves_nothing_behind(house):
    before = len(house.kept)
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        'content-length: 5000\r\n\r\n{"model'
    ).encode()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", house.port), 5) as client:
            client.sendall(head)
    assert until(lambda: not house.server.server_state.tasks)
    assert len(house.kept) == before


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", CHAT, 405, "POST"),
        ("PUT", INFER, 405, "POST"),
        ("DELETE", "/v1/models", 405, "GET"),
        ("OPTIONS", CHAT, 405, "POST"),
        ("POST", "/v2/health/live", 405, "GET"),
        ("BREW", CHAT, 400, None),
        ("GET", "/v1/nothing", 404, None),
        ("GET", "/v2/models//ready", 404, None),
        ("POST", "/v2/models/../x/infer", 404, None),
    ],
)
def test_a_wrong_method_or_path_is_told(post, method, path, status, allow):
    got, headers, told = post(path, None, method=method)

    assert got == status
    assert headers["allow"] == allow
    assert b"Traceback" not in told


def test_head_is_get_without_the_body(post):
    status, headers, told = post("/v1/models", None, method="HEAD")

    assert (status, told) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_an_endless_name_is_cut_in_the_record(house, post):
    status, headers, told = post(CHAT, with_(model="m" * 500_000))

    assert status == 404
    assert house.last(headers["x-roadbed-call"]).endpoint == "(no endpoint)"
    assert len(told) < 2000


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 1\r\n"
        b"content-length: 2\r\n\r\nab",
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\r\n\r\n\r\n",
    ],
)
def test_what_is_no_request_does_no_harm(house, garbage):
    told = house.raw(garbage, half_close=True)

    assert b"Traceback" not in told
    assert not told or told.startswith(b"HTTP/1.1 4")
    assert house.raw(b"GET /v2/health/live HTTP/1.0\r\n\r\n").startswith(
        b"HTTP/1.1 200"
    )


def test_a_head_without_end_is_refused(house):
    endless = b"GET /v1/models HTTP/1.1\r\n" + b"x-a: " + b"y" * 3_000_000
    many = b"GET /v1/models HTTP/1.1\r\n" + b"x-a: yyyyyyyyyyyyyyy\r\n" * 100_000

    for head in (endless, many, b"GET /" + b"a" * 1_000_000):
        with socket.create_connection(("127.0.0.1", house.port), 10) as client:
            try:
                client.sendall(head)
                told = client.recv(4096)
            except ConnectionError:
                told = b""

        assert not told or told.startswith(b"HTTP/1.1 431")


def test_a_slow_head_and_an_idle_socket_are_cut():
    with serving_house(head_seconds=0.3, sweep_seconds=0.1) as house:
        begun = time.monotonic()
        for head in (b"", b"GET /v1/models HTTP/1.1\r\nx-slow: "):
            with socket.create_connection(("127.0.0.1", house.port), 5) as client:
                client.sendall(head)
                with suppress(ConnectionResetError):
                    assert client.recv(100) == b""

        assert time.monotonic() - begun < 3


def chat_head(body, close=False):
    return (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"connection: {'close' if close else 'keep-alive'}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_hangs_up_stops_the_model(stream):
    with serving_house() as house:
        endless = house.runners["endless"]
        with socket.create_connection(("127.0.0.1", house.port), 5) as client:
            client.sendall(chat_head(with_(model="endless", stream=stream)))
            assert endless.begun.wait(5)
            if stream:
                assert b"data:" in client.recv(65536)

        assert endless.stopped.wait(20)
        assert house.last().status == "cancelled"


def test_a_client_that_does_not_read_is_cut():
    with serving_house(stall_seconds=0.3, sweep_seconds=0.1) as house:
        endless = house.runners["endless"]
        endless.text, endless.gap_s = "x" * 100_000, 0
        with socket.create_connection(("127.0.0.1", house.port), 5) as client:
            client.sendall(chat_head(with_(model="endless", stream=True)))

            assert endless.stopped.wait(10)
            assert house.last().status == "cancelled"


def test_pipelined_requests_are_answered_in_turn(house):
    body = with_()

    told = house.raw(chat_head(body) * 3 + chat_head(body, close=True))

    assert told.count(b"HTTP/1.1 200") == 4


def test_many_callers_at_once_get_their_own_answers(house, post):
    wrong = []

    def caller(number):
        for turn in range(10):
            text = f"{number}-{turn}"
            messages = [{"role": "user", "content": text}]
            _, _, told = post(CHAT, with_(messages=messages))
            if text not in told.decode():
                wrong.append(told)

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
