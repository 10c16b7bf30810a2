"""A real HTTP server that speaks OpenAI chat completions, and misbehaves by name.

```
with Upstream("rate-limited", "well") as upstream:
    …                     # point a provider at upstream.url
    upstream.requests     # what it was asked, headers and body
```

The first request is answered by the first behaviour, the second by the second, and
so on; the last one stays. `BEHAVIOURS` lists them all. It listens on 127.0.0.1, on a
port the system chooses, in a thread of its own.
"""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal, Self

from roadbed.core.errors import NotFound

Ending = Literal["finish", "close", "reset", "error", "silence"]
_FOREVER_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How an upstream answers, and how it goes wrong.

    `status` and `headers` are sent as they stand, and so is `body`, instead of an
    answer, when it is set; `{key}` in it becomes the key that the caller sent.
    `retry_in_s` adds a Retry-After header with a date so many seconds from now.
    `listens=False` refuses connections. `wait_s` passes before the first byte.

    Of a stream, every event is sent `repeat` times, in pieces of `piece` bytes with
    `gap_s` between them; after `keep` events (all, if None) comes the `ending`:
    `finish` as it should be, `close` as if all were well, `reset` of the connection,
    an `error` event, or `silence`. A whole answer is cut in the middle instead.
    `spoil` replaces the second event, or the whole answer. `pad` makes the answer so
    many bytes longer. `usage=False` counts nothing.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
    body: str | None = None
    retry_in_s: float | None = None
    listens: bool = True
    wait_s: float = 0.0
    repeat: int = 1
    piece: int = 0
    gap_s: float = 0.0
    keep: int | None = None
    ending: Ending = "finish"
    spoil: str = ""
    pad: int = 0
    usage: bool = True


def _error(message: str, kind: str, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "code": code}})


_SERVER_ERROR = _error("The server had an error.", "server_error")
_PATIENCE = _error("Rate limit reached.", "requests", "rate_limit_exceeded")
_BAD_KEY = _error("Incorrect API key provided: {key}.", "invalid_request_error")
_BAD_FIELD = _error("Invalid 'temperature'.", "invalid_request_error", "invalid_value")
_HTML = "<!doctype html><title>Welcome</title><h1>It works!</h1>"
_LIMITED = Behaviour(status=429, body=_PATIENCE)

BEHAVIOURS: Mapping[str, Behaviour] = MappingProxyType(
    {
        "well": Behaviour(),
        "no-usage": Behaviour(usage=False),
        "refuse": Behaviour(listens=False),
        "slow-first-byte": Behaviour(wait_s=0.5),
        "silent": Behaviour(wait_s=_FOREVER_S),
        "stall": Behaviour(keep=2, ending="silence"),
        "cut-clean": Behaviour(keep=3, ending="close"),
        "no-done": Behaviour(keep=-1, ending="close"),
        "abort": Behaviour(keep=3, ending="reset"),
        "early-200-then-error": Behaviour(keep=2, ending="error"),
        "rate-limited": replace(_LIMITED, headers=(("retry-after", "7"),)),
        "rate-limited-date": replace(_LIMITED, retry_in_s=7.0),
        "rate-limited-ms": replace(_LIMITED, headers=(("retry-after-ms", "250"),)),
        "rate-limited-mute": _LIMITED,
        "400": Behaviour(status=400, body=_BAD_FIELD),
        "401": Behaviour(status=401, body=_BAD_KEY),
        "403": Behaviour(status=403, body=_BAD_KEY),
        "422-echo": Behaviour(status=422, body=_BAD_KEY),
        "500": Behaviour(status=500, body=_SERVER_ERROR),
        "503": Behaviour(status=503, body=_SERVER_ERROR),
        "redirect": Behaviour(
            status=307, headers=(("location", "http://127.0.0.1:9/v1"),), body=""
        ),
        "html-200": Behaviour(content_type="text/html; charset=utf-8", body=_HTML),
        "malformed-json": Behaviour(spoil='{"choices": nonsense}'),
        "wrong-shape": Behaviour(spoil='{"choices": {"message": 1}}'),
        "oversize": Behaviour(pad=40 * 1024 * 1024),
        "duplicate-chunks": Behaviour(repeat=2),
        "drip": Behaviour(piece=7, gap_s=0.001),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it arrived; the names of headers are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON, or an empty object if it is none."""
        with suppress(ValueError):
            return json.loads(self.body)
        return {}


@dataclass(slots=True)
class _Thread:
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: threading.Thread | None = field(default=None)


class Upstream:
    """The server, as a context manager. Raises NotFound for an unknown behaviour.

    *served* is the model name it claims to have served, instead of the one asked.
    """

    def __init__(self, *behaviours: str | Behaviour, served: str = "") -> None:
        self.behaviours = tuple(_named(b) for b in behaviours or ("well",))
        self.served = served
        self.requests: list[Received] = []
        self.connections = 0
        # Named as TCP, so that asyncio sends small pieces at once (TCP_NODELAY).
        tcp = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket = socket.socket(*tcp)
        self._running: _Thread | None = None

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client: `http://127.0.0.1:<port>/v1`."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        if self.behaviours[0].listens:
            started: Future[_Thread] = Future()
            thread = threading.Thread(target=self._run, args=(started,), daemon=True)
            thread.start()
            self._running = started.result(timeout=10)
            self._running.thread = thread
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None and self._running.thread is not None:
            self._running.loop.call_soon_threadsafe(self._running.stop.set)
            self._running.thread.join(timeout=10)
        self._socket.close()

    def _run(self, started: "Future[_Thread]") -> None:
        asyncio.run(self._listen(started))

    async def _listen(self, started: "Future[_Thread]") -> None:
        server = await asyncio.start_server(self._connection, sock=self._socket)
        stop = asyncio.Event()
        started.set_result(_Thread(asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while (request := await _read_request(reader)) is not None:
                behaviour = self._next()
                self.requests.append(request)
                await self._reply(writer, request, behaviour)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the caller left, or the test is over: nobody is there to tell
        finally:
            writer.close()

    def _next(self) -> Behaviour:
        return self.behaviours[min(len(self.requests), len(self.behaviours) - 1)]

    async def _reply(
        self, writer: asyncio.StreamWriter, request: Received, how: Behaviour
    ) -> None:
        await asyncio.sleep(how.wait_s)
        asked = request.json()
        if how.body is not None:
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            await _send_whole(writer, how, how.body.replace("{key}", key).encode())
        elif request.method == "GET":
            listing = {"object": "list", "data": [{"id": "example", "object": "model"}]}
            await _send_whole(writer, how, json.dumps(listing).encode())
        elif asked.get("stream"):
            await _send_stream(writer, how, _events(asked, self.served, how))
        else:
            await _send_answer(writer, how, _whole(asked, self.served, how))


def _named(behaviour: str | Behaviour) -> Behaviour:
    if isinstance(behaviour, Behaviour):
        return behaviour
    if behaviour not in BEHAVIOURS:
        known = ", ".join(BEHAVIOURS)
        raise NotFound(f"no behaviour is called {behaviour!r}", hint=f"one of {known}")
    return BEHAVIOURS[behaviour]


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = dict(line.split(":", 1) for line in lines if line)
    headers = {name.lower(): value.strip() for name, value in headers.items()}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method=method, path=path, headers=headers, body=body)


# What is said.


def _text(asked: dict[str, Any], how: Behaviour) -> str:
    users = [m for m in asked.get("messages", []) if m.get("role") == "user"]
    said = users[-1]["content"] if users else ""
    return f"You said: {said}" + "x" * how.pad


def _tool_call(asked: dict[str, Any]) -> dict[str, Any] | None:
    if not asked.get("tools") or asked.get("tool_choice") == "none":
        return None
    name = asked["tools"][0]["function"]["name"]
    arguments = json.dumps({"text": _text(asked, Behaviour())})
    function = {"name": name, "arguments": arguments}
    return {"id": "call_1", "type": "function", "function": function}


def _usage(asked: dict[str, Any], text: str) -> dict[str, Any]:
    asked_words = sum(len(str(m["content"]).split()) for m in asked["messages"])
    said_words = len(text.split())
    return {
        "prompt_tokens": asked_words,
        "completion_tokens": said_words,
        "total_tokens": asked_words + said_words,
        "prompt_tokens_details": {"cached_tokens": min(1, asked_words)},
    }


def _frame(asked: dict[str, Any], served: str, kind: str) -> dict[str, Any]:
    model = served or asked.get("model", "")
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000} | {
        "model": model
    }


def _whole(asked: dict[str, Any], served: str, how: Behaviour) -> bytes:
    text, call = _text(asked, how), _tool_call(asked)
    message: dict[str, Any] = {"role": "assistant", "content": None if call else text}
    if call:
        message["tool_calls"] = [call]
    finish = "tool_calls" if call else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    answer = _frame(asked, served, "chat.completion") | {"choices": [choice]}
    if how.usage:
        answer["usage"] = _usage(asked, text)
    return json.dumps(answer).encode()


def _deltas(asked: dict[str, Any], how: Behaviour) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    if call := _tool_call(asked):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        head = {"name": name, "arguments": ""}
        yield {"tool_calls": [{"index": 0, **call, "function": head}]}
        for part in (arguments[:9], arguments[9:]):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
        return
    words = _text(asked, how).split(" ")
    for at, word in enumerate(words):
        yield {"content": word if at == 0 else f" {word}"}


def _events(asked: dict[str, Any], served: str, how: Behaviour) -> list[str]:
    """Return the data of each event, the terminal marker last."""
    frame = _frame(asked, served, "chat.completion.chunk")
    counts = how.usage and (asked.get("stream_options") or {}).get("include_usage")
    frame |= {"usage": None} if counts else {}
    finish = "tool_calls" if _tool_call(asked) else "stop"
    choices = [
        {"index": 0, "delta": delta, "finish_reason": None}
        for delta in _deltas(asked, how)
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    events = [json.dumps(frame | {"choices": [choice]}) for choice in choices]
    if counts:
        usage = _usage(asked, _text(asked, how))
        events.append(json.dumps(frame | {"choices": [], "usage": usage}))
    return [*events, "[DONE]"]


# How it is sent.


def _head(how: Behaviour, content_type: str, length: int | None) -> bytes:
    size = "transfer-encoding: chunked"
    if length is not None:
        size = f"content-length: {length}"
    lines = [
        f"HTTP/1.1 {how.status} {HTTPStatus(how.status).phrase}",
        f"date: {formatdate(usegmt=True)}",
        f"content-type: {content_type}",
        size,
        *(f"{name}: {value}" for name, value in how.headers),
    ]
    if how.retry_in_s is not None:
        moment = formatdate(time.time() + how.retry_in_s, usegmt=True)
        lines.append(f"retry-after: {moment}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _write(writer: asyncio.StreamWriter, how: Behaviour, data: bytes) -> None:
    step = how.piece or len(data) or 1
    for at in range(0, len(data), step):
        writer.write(data[at : at + step])
        await writer.drain()
        if how.piece:
            await asyncio.sleep(how.gap_s)


async def _send_whole(
    writer: asyncio.StreamWriter, how: Behaviour, body: bytes
) -> None:
    await _write(writer, how, _head(how, how.content_type, len(body)) + body)


async def _send_answer(
    writer: asyncio.StreamWriter, how: Behaviour, body: bytes
) -> None:
    if how.spoil:
        body = how.spoil.encode()
    if how.ending == "error":
        body = _SERVER_ERROR.encode()
    if how.ending in ("finish", "error"):
        return await _send_whole(writer, how, body)
    half = body[: len(body) // 2]
    promised = len(half) if how.ending == "close" else len(body)
    await _write(writer, how, _head(how, how.content_type, promised) + half)
    await _end(writer, how)


async def _send_stream(
    writer: asyncio.StreamWriter, how: Behaviour, events: list[str]
) -> None:
    if how.spoil:
        events[1] = how.spoil
    kept = events if how.keep is None else events[: how.keep]
    sent = [event for event in kept for _ in range(how.repeat)]
    if how.ending == "error":
        sent.append(_SERVER_ERROR)
    await _write(writer, how, _head(how, "text/event-stream", None))
    for event in sent:
        data = f"data: {event}\n\n".encode()
        await _write(writer, how, b"%x\r\n%b\r\n" % (len(data), data))
    if how.ending in ("finish", "close", "error"):
        return await _write(writer, how, b"0\r\n\r\n")
    await _end(writer, how)


async def _end(writer: asyncio.StreamWriter, how: Behaviour) -> None:
    if how.ending == "silence":
        await asyncio.sleep(_FOREVER_S)
    if how.ending == "reset":
        await asyncio.sleep(0.05)  # so that what was sent is read before the reset
        linger = struct.pack("ii", 1, 0)
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        raise ConnectionResetError
