"""What an upstream was asked, read from a connection."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key", "authorization")


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

    @property
    def key(self) -> str:
        """Return the key that was sent, wherever its dialect puts it."""
        sent = (self.headers[name] for name in KEY_HEADERS if name in self.headers)
        return next(sent, "").removeprefix("Bearer ")


async def read_request(reader: asyncio.StreamReader) -> Received | None:
    """Return the next request, or None when the connection has ended."""
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
    body = await _body(reader, headers)
    return Received(method=method, path=path, headers=headers, body=body)


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    parts = list[bytes]()
    while (size := int(await reader.readline(), 16)) > 0:
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)
