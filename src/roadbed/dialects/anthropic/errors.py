"""Anthropic's errors: as callers are told of ours, and as upstreams tell of theirs."""

from typing import Any

from roadbed.core.errors import (
    BudgetExhausted,
    Conflict,
    Denied,
    LimitExceeded,
    NotFound,
    Overloaded,
    ProviderError,
    RateLimited,
    RoadbedError,
    TimedOut,
    TooLarge,
    Unauthenticated,
)
from roadbed.core.secret import Secret
from roadbed.dialects.errors import sentence_of
from roadbed.dialects.failures import by_status, scrub

DIALECT = "anthropic"
OVERLOADED = 529
"""The HTTP status by which Anthropic says that it has too much to do."""

_WORDS = {
    Unauthenticated.code: "authentication_error",
    Denied.code: "permission_error",
    NotFound.code: "not_found_error",
    Conflict.code: "conflict_error",
    TooLarge.code: "request_too_large",
    RateLimited.code: "rate_limit_error",
    LimitExceeded.code: "rate_limit_error",
    BudgetExhausted.code: "billing_error",
    Overloaded.code: "overloaded_error",
    TimedOut.code: "timeout_error",
}
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "timeout_error": 408,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": OVERLOADED,
}


def body_of(error: RoadbedError, request_id: str = "") -> dict[str, Any]:
    """Return *error* as the Messages API spells it, with the id of the request.

    `details.error_code` is our own word for it, which never changes.
    """
    told = {
        "type": _word_for(error),
        "message": sentence_of(error),
        "details": {"error_code": error.code},
    }
    return {"type": "error", "error": told, "request_id": request_id or None}


def in_band(error: Any, key: Secret | None) -> ProviderError:
    """Return the error for an `error` object in what an upstream answers."""
    known = error if isinstance(error, dict) else {"message": error}
    said, kind = known.get("message"), str(known.get("type"))[:64]
    message = scrub(said, key) if isinstance(said, str) else ""
    if status := _STATUSES.get(kind):
        return by_status(status, message)
    return ProviderError(f"the provider reported an error: {message or 'no reason'}")


def _word_for(error: RoadbedError) -> str:
    if getattr(error, "upstream_status", 0) == OVERLOADED:
        return "overloaded_error"
    default = "invalid_request_error" if error.status < 500 else "api_error"
    return _WORDS.get(error.code, default)
