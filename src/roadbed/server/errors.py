"""What a caller is told when something went wrong, in the caller's own dialect."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from roadbed.core.errors import (
    Invalid,
    LimitExceeded,
    NotReady,
    Overloaded,
    Problem,
    ProviderError,
    RoadbedError,
    Unauthenticated,
)

Headers = tuple[tuple[bytes, bytes], ...]

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")


class WrongMethod(RoadbedError):
    """The path exists, but not with this method; `allowed` says with which."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message, hint=f"allowed: {', '.join(allowed)}")
        self.allowed = allowed


class TooSlow(RoadbedError):
    """The request did not arrive within the time this server waits for it."""

    code = "request_timeout"
    status = 408


class Internal(RoadbedError):
    """Something broke that should not have; the details are in the server's log."""

    code = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer: what to write and with which headers."""

    status: int
    headers: Headers
    body: bytes


def internal(call_id: str) -> Internal:
    """Return what a caller is told of an unforeseen error: its id, and no more."""
    return Internal(
        f"something went wrong on our side; quote {call_id}" if call_id else
        "something went wrong on our side"
    )  # fmt: skip


def in_dialect(
    body_of: Callable[[RoadbedError], Mapping[str, Any]], error: RoadbedError
) -> Reply:
    """Return a dialect's answer to *error*, its body as *body_of* spells it."""
    return Reply(
        status=error.status,
        headers=(_JSON, *_advice(error)),
        body=msgspec.json.encode(body_of(error)),
    )


def problem(error: RoadbedError) -> Reply:
    """Return the control API's answer to *error*: RFC 9457, with `hint` and `code`."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": error.code.replace("_", " "),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
    }
    if isinstance(error, Invalid) and error.problems:
        document["problems"] = [_place(p) for p in error.problems]
    return Reply(
        status=error.status,
        headers=(_PROBLEM, *_advice(error)),
        body=msgspec.json.encode(document),
    )


def _advice(error: RoadbedError) -> Headers:
    """Say in headers how to sign in, when to come back, or not to come back."""
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b'Bearer realm="roadbed"'))
    if isinstance(error, WrongMethod):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    wait_s = getattr(error, "retry_after_s", None)
    if wait_s is not None:
        headers.append((b"retry-after", str(max(0, math.ceil(wait_s))).encode()))
    elif isinstance(error, NotReady):
        headers.append((b"retry-after", b"1"))
    headers.extend(_tried(error))
    if not _may_retry(error):
        headers.append((b"x-should-retry", b"false"))
    elif isinstance(error, Overloaded):
        headers.append((b"x-should-retry", b"true"))
    return tuple(headers)


def _tried(error: RoadbedError) -> Headers:
    """Return what was tried before the server gave up, a name for each attempt."""
    chain = error.chain if isinstance(error, ProviderError) else ()
    if not chain:
        return ()
    told = ", ".join(chain).encode("ascii", "replace")
    count = str(len(chain)).encode()
    return (b"x-roadbed-attempts", count), (b"x-roadbed-chain", told)


def _may_retry(error: RoadbedError) -> bool:
    """Say whether asking again may help: not where we have asked again already."""
    if isinstance(error, ProviderError):
        return error.retryable and not error.chain
    return isinstance(error, NotReady | TooSlow | LimitExceeded)


def _place(place: Problem) -> dict[str, Any]:
    return {
        "message": place.message,
        "hint": place.hint,
        "file": place.file,
        "line": place.line,
        "field": place.field,
    }
