"""What a caller is told when something went wrong, in the caller's own dialect."""

import math
from dataclasses import dataclass
from typing import Any

import msgspec

from roadbed.core.errors import (
    Denied,
    Invalid,
    NotFound,
    NotReady,
    Problem,
    ProviderError,
    RateLimited,
    RoadbedError,
    TooLarge,
    Unauthenticated,
)

Headers = tuple[tuple[bytes, bytes], ...]

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")
_OPENAI = {
    Unauthenticated.code: ("invalid_request_error", "invalid_api_key"),
    Denied.code: ("permission_error", Denied.code),
    NotFound.code: ("invalid_request_error", "model_not_found"),
    RateLimited.code: ("rate_limit_error", "rate_limit_exceeded"),
    TooLarge.code: ("invalid_request_error", "request_too_large"),
}


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


def openai_body(error: RoadbedError) -> dict[str, Any]:
    """Return *error* as the OpenAI API spells it: `{"error": {…}}`."""
    default = "invalid_request_error" if error.status < 500 else "server_error"
    family, code = _OPENAI.get(error.code, (default, error.code))
    return {
        "error": {
            "message": _sentence(error),
            "type": family,
            "param": _param(error),
            "code": code,
        }
    }


def openai(error: RoadbedError) -> Reply:
    """Return the OpenAI dialect's answer to *error*."""
    return Reply(
        status=error.status,
        headers=(_JSON, *_advice(error)),
        body=msgspec.json.encode(openai_body(error)),
    )


def inference(error: RoadbedError) -> Reply:
    """Return the Open Inference Protocol's answer to *error*: `{"error": "…"}`."""
    return Reply(
        status=error.status,
        headers=(_JSON, *_advice(error)),
        body=msgspec.json.encode({"error": _sentence(error)}),
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
    if isinstance(error, RateLimited) and error.retry_after_s is not None:
        seconds = max(0, math.ceil(error.retry_after_s))
        headers.append((b"retry-after", str(seconds).encode()))
    if isinstance(error, NotReady):
        headers.append((b"retry-after", b"1"))
    if not _may_retry(error):
        headers.append((b"x-should-retry", b"false"))
    return tuple(headers)


def _may_retry(error: RoadbedError) -> bool:
    if isinstance(error, ProviderError):
        return error.retryable
    return isinstance(error, NotReady | TooSlow)


def _sentence(error: RoadbedError) -> str:
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    places = error.problems if isinstance(error, Invalid) else ()
    extra = "; ".join(str(p) for p in places[:5] if p.message not in error.message)
    return f"{text}: {extra}" if extra else text


def _param(error: RoadbedError) -> str | None:
    if isinstance(error, Invalid) and error.problems:
        return error.problems[0].field or None
    return None


def _place(place: Problem) -> dict[str, Any]:
    return {
        "message": place.message,
        "hint": place.hint,
        "file": place.file,
        "line": place.line,
        "field": place.field,
    }
