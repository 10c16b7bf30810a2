"""How an answer is sent: well, or as badly as a behaviour says."""

import asyncio
import gzip
import json
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.behaviour import FOREVER_S, Behaviour
from roadbed.testing.upstream.speech import Event, Said, Speech

_SENTENCE = "The server had an error."


class Sender:
    """Sends one answer on one connection, and misbehaves as it is told."""

    def __init__(
        self, writer: asyncio.StreamWriter, how: Behaviour, speech: Speech
    ) -> None:
        self.writer = writer
        self.how = how
        self.speech = speech

    async def body(self, request: Received) -> None:
        """Send the body that the behaviour fixes, in the words of the dialect."""
        text = (self.how.body or "").replace("{key}", request.key)
        data, own = text.encode(), dict[str, str]()
        sentence = _sentence_in(text)
        if sentence and self.how.status >= 400 and self.speech.name != "openai":
            data, own = self.speech.refusal(self.how.status, sentence)
        await self.whole(data, own)

    async def answer(self, said: Said, request: Received) -> None:
        """Send an answer that is not streamed."""
        body, own = self.speech.whole(said, request)
        how = self.how
        if how.babble_s:
            await self._write(self._head(own, "chunked"))
            return await self._babble(b" ")
        if how.spoil or how.misshapen:
            body = (how.spoil or self.speech.misshapen).encode()
        if how.ending == "error":
            body, own = self.speech.refusal(500, _SENTENCE)
        if how.endless or len(body) < how.pad:  # what has no words is padded behind
            body += b" " * max(how.pad, 40 * 1024 * 1024 * how.endless)
        if how.ending in ("finish", "error"):
            return await self.whole(body, own)
        half = body[: len(body) // 2]
        promised = len(half) if how.ending == "close" else len(body)
        await self._write(self._head(own, f"{promised}") + half)
        await self._end()

    async def stream(self, said: Said) -> None:
        """Send an answer event by event."""
        events = self.speech.events(said)
        if self.how.spoil or self.how.misshapen:
            spoilt = self.how.spoil or self.speech.misshapen
            at = self.speech.begins
            events[at] = Event(events[at].name, spoilt)
        frames = (self.speech.frame(event) for event in self._sent(events))
        own = {"content-type": self.how.content_type or self.speech.stream_type}
        if self.how.length_off or self.how.gzip:
            return await self.whole(b"".join(frames), own)
        await self._write(self._head(own, "chunked"))
        if self.how.babble_s:
            return await self._babble(self.speech.heartbeat)
        for data in frames:
            await self._write(_chunk(data))
        if self.how.ending in ("finish", "close", "error"):
            return await self._write(b"0\r\n\r\n")
        await self._end()

    async def whole(self, body: bytes, own: Mapping[str, str]) -> None:
        """Send *body* with its length, or the length that it has not."""
        how, headers = self.how, dict(own)
        if how.gzip:
            body = gzip.compress(body)
            body = body[: len(body) // 2] if how.gzip == "cut" else body
            headers["content-encoding"] = "gzip"
        await self._write(self._head(headers, f"{len(body) + how.length_off}") + body)
        if how.length_off > 0:
            raise ConnectionResetError  # what was promised does not come

    def _sent(self, events: list[Event]) -> Iterator[Event]:
        """Yield the events that are sent, each as often as it is."""
        keep = self.how.keep
        if keep is not None and keep < 0:
            events = events[: len(events) - self.speech.ends]
        elif keep is not None:
            events = events[: max(0, keep + self.speech.begins - 1)]
        if self.how.endless:
            before_end = events[: len(events) - self.speech.ends]
            longest = max(before_end, key=lambda event: len(event.data))
            events = events[: events.index(longest) + 1]
        for event in events:
            yield from [event] * self.how.repeat
        while self.how.endless:
            yield events[-1]
        if self.how.ending == "error":
            yield self.speech.broken(_SENTENCE)

    async def _babble(self, heartbeat: bytes) -> None:
        while True:
            await asyncio.sleep(self.how.babble_s if heartbeat else FOREVER_S)
            await self._write(_chunk(heartbeat))

    def _head(self, own: Mapping[str, str], size: str) -> bytes:
        how = self.how
        headers: list[tuple[str, str]] = [("date", formatdate(usegmt=True))]
        kind = how.content_type or own.get("content-type", self.speech.content_type)
        headers.append(("content-type", kind))
        chunked = size == "chunked"
        headers.append(("transfer-encoding" if chunked else "content-length", size))
        headers += [(n, v) for n, v in own.items() if n != "content-type"]
        headers += how.headers
        if how.retry_in_s is not None:
            moment = formatdate(time.time() + how.retry_in_s, usegmt=True)
            headers.append(("retry-after", moment))
        phrase = ""
        with suppress(ValueError):
            phrase = HTTPStatus(how.status).phrase
        lines = [f"HTTP/1.1 {how.status} {phrase}", *map(": ".join, headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def _write(self, data: bytes) -> None:
        for piece in _pieces(data, self.how.piece):
            self.writer.write(piece)
            await self.writer.drain()
            if self.how.piece:
                await asyncio.sleep(self.how.gap_s)

    async def _end(self) -> None:
        if self.how.ending == "silence":
            await asyncio.sleep(FOREVER_S)
        if self.how.ending == "reset":
            await asyncio.sleep(0.05)  # so that what was sent is read before the reset
            linger = struct.pack("ii", 1, 0)
            plain = self.writer.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
            raise ConnectionResetError


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _pieces(data: bytes, size: int) -> Iterable[bytes]:
    step = size or len(data) or 1
    return (data[at : at + step] for at in range(0, len(data), step))


def _sentence_in(text: str) -> str:
    """Return the message of an error in OpenAI's words, or an empty text."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(text)["error"]["message"])
    return ""
