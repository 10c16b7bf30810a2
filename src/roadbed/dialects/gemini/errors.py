"""Gemini's errors: what its refusals mean, before an answer and inside one."""

from typing import Any

import msgspec

from roadbed.core.errors import ProviderError, Refused, Unavailable
from roadbed.core.secret import Secret
from roadbed.dialects.failures import by_status, scrub

DIALECT = "gemini"

_RETRY = "type.googleapis.com/google.rpc.RetryInfo"
_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class Error(msgspec.Struct):
    """An `error` object, as far as it is read."""

    code: Any = None
    message: Any = None
    status: Any = None
    details: Any = None

    def found(self) -> list[dict[str, Any]]:
        """Return the details that have a shape."""
        listed = self.details if isinstance(self.details, list) else ()
        return [detail for detail in listed if isinstance(detail, dict)]


class _Body(msgspec.Struct):
    error: Error


_BODY = msgspec.json.Decoder(_Body | list[_Body])


def error_in(body: bytes) -> Error | None:
    """Return the error that *body* tells of, None if it tells of none."""
    try:
        told = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    told = told[0] if isinstance(told, list) and told else told
    return told.error if isinstance(told, _Body) else None


def refused(
    error: Error, key: Secret | None, status: int = 0, wait_s: float | None = None
) -> ProviderError:
    """Return what *error* means; *status* and *wait_s* are what HTTP said, if it did.

    A key that is not valid is told as a bad request, and is our fault all the same.
    """
    code = error.code if isinstance(error.code, int) else 0
    named = _STATUSES.get(error.status, 0) if isinstance(error.status, str) else 0
    status = status or code or named or 500
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in error.found()):
        status = 401
    if wait_s is None:
        wait_s = next((w for w in map(_wait_s, error.found()) if w is not None), None)
    message = scrub(error.message, key) if isinstance(error.message, str) else ""
    return by_status(status, message, wait_s)


def _wait_s(detail: dict[str, Any]) -> float | None:
    """Return the seconds in a `RetryInfo`, written as in `34.07s`."""
    delay = detail.get("retryDelay") if detail.get("@type") == _RETRY else None
    if not isinstance(delay, str):
        return None
    number = delay.removesuffix("s")
    plain = number.replace(".", "", 1).isdecimal() and number.isascii()
    return float(number) if plain and len(number) < 16 else None


def gave_up(reason: str) -> ProviderError:
    """Return the error for a finish *reason* that is no end of an answer."""
    if reason == "MISSING_THOUGHT_SIGNATURE":
        return Refused(
            "the provider refused the request: a signature of a thought is missing",
            hint="send back what the model thought with its signature",
        )
    if reason == "PUP_LIMITED_DISABLED":
        return by_status(403, "")
    return Unavailable(f"the model gave up in its answer: {reason[:64]}")
