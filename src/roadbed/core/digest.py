"""Names made from content: equal things have equal digests, everywhere and for ever."""

import hashlib
from collections.abc import Iterable
from typing import Any

import rfc8785

PREFIX = "sha256:"


def canonical(value: Any) -> bytes:
    """Return *value* as canonical JSON (RFC 8785): one spelling for one value."""
    return rfc8785.dumps(value)


def digest(data: bytes) -> str:
    """Return the digest of *data*: `sha256:` and 64 hex digits."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Return the digest of *value*'s canonical JSON."""
    return digest(canonical(value))


def digest_stream(chunks: Iterable[bytes]) -> str:
    """Return the digest of all *chunks* in order, without holding them at once."""
    running = hashlib.sha256()
    for chunk in chunks:
        running.update(chunk)
    return PREFIX + running.hexdigest()


def short(name: str) -> str:
    """Return the first twelve hex digits of a digest, for people to read."""
    return name.removeprefix(PREFIX)[:12]
