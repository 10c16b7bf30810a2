"""Bodies that come compressed, though nobody asked for it."""

import zlib
from collections import deque
from typing import Any

from roadbed.core.errors import ProviderError, Truncated

PIECE = 256 * 1024
"""So many bytes come out at once, however few went in."""
_PLAIN = frozenset({"", "identity"})


def unzipper(encoding: str) -> "Unzipped | None":
    """Return what undoes *encoding*, None if there is nothing to undo.

    Raises ProviderError for one that we cannot undo.
    """
    name = encoding.strip().lower()
    if name in _PLAIN:
        return None
    if name in ("gzip", "x-gzip"):
        return Unzipped(gzip=True)
    if name == "deflate":
        return Unzipped(gzip=False)
    raise ProviderError(
        "the provider compressed its answer in a way that it was not asked for",
        hint="set `client: aiohttp` on the Provider, and install what decodes it",
    )


class Unzipped:
    """The body of an answer, uncompressed piece by piece: a small bomb stays small."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._engine: Any = zlib.decompressobj(31) if gzip else None
        self._fed: deque[bytes] = deque()
        self._fresh = True

    def feed(self, data: bytes) -> None:
        """Take in compressed bytes."""
        self._fed.append(data)

    def next(self) -> bytes:
        """Return the next bytes, none if more must be fed; raise ProviderError."""
        try:
            while self._fed:
                if piece := self._step(self._fed.popleft()):
                    return piece
        except zlib.error:
            failure = ProviderError("the provider's answer is compressed wrongly")
        else:
            return b""
        raise failure

    def end(self) -> None:
        """Raise Truncated unless all that was compressed has come."""
        if not self._fresh and not self._engine.eof:
            raise Truncated("the provider's answer stops in the middle")

    def _step(self, data: bytes) -> bytes:
        if self._engine is None:
            wrapped = data[0] & 0x0F == 8  # a zlib header; some servers leave it out
            self._engine = zlib.decompressobj(15 if wrapped else -15)
        self._fresh = False
        if self._engine.eof:
            if not self._gzip:
                return b""
            self._engine = zlib.decompressobj(31)
        piece = self._engine.decompress(data, PIECE)
        if rest := self._engine.unconsumed_tail or self._engine.unused_data:
            self._fed.appendleft(rest)
        return piece
