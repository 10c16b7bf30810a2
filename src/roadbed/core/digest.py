"""Names made from content: equal things have equal digests, everywhere and for ever."""

import hashlib
from collections.abc import Iterable
from typing import Any

import rfc8785

from roadbed.core.errors import Invalid

PREFIX = "sha256:"


def canonical(value: Any) -> bytes:
    """Return *value* as canonical JSON (RFC 8785): one spelling for one value.

    Raises Invalid for what JSON has no number or text for: NaN, infinities,
    integers that a double cannot hold, keys that are no text.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.IntegerDomainError:
        return rfc8785.dumps(_doubles(value))
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Invalid(f"this has no canonical JSON: {error}") from None


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


def _doubles(value: Any) -> Any:
    """Return *value* with its large integers as doubles, as JSON readers see them.

    A large double is written without a point, and so is read back as an integer.
    """
    if isinstance(value, dict):
        return {key: _doubles(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_doubles(item) for item in value]
    if isinstance(value, int) and abs(value) >= 2**53:
        return _double(value)
    return value


def _double(value: int) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = 0.0
    if number != value and rfc8785.dumps(number) != str(value).encode():
        raise Invalid(f"{value} is an integer that JSON cannot hold exactly")
    return number
