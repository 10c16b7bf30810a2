"""OpenAI's errors: as callers are told of ours, and as upstreams tell of theirs."""

import re
from typing import Any

from roadbed.core.errors import (
    BudgetExhausted,
    Denied,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    RoadbedError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from roadbed.core.secret import Secret
from roadbed.dialects.errors import param_of, sentence_of
from roadbed.dialects.failures import by_status, scrub

DIALECT = "openai"

_WORDS = {
    Unauthenticated.code: ("invalid_request_error", "invalid_api_key"),
    Denied.code: ("permission_error", Denied.code),
    NotFound.code: ("invalid_request_error", "model_not_found"),
    RateLimited.code: ("rate_limit_error", "rate_limit_exceeded"),
    BudgetExhausted.code: ("insufficient_quota", "insufficient_quota"),
    TooLarge.code: ("invalid_request_error", "request_too_large"),
}


def body_of(error: RoadbedError) -> dict[str, Any]:
    """Return *error* as the OpenAI API spells it: `{"error": {…}}`."""
    default = "invalid_request_error" if error.status < 500 else "server_error"
    family, code = _WORDS.get(error.code, (default, error.code))
    return {
        "error": {
            "message": sentence_of(error),
            "type": family,
            "param": param_of(error),
            "code": code,
        }
    }


def in_band(error: Any, key: Secret | None) -> ProviderError:
    """Return the error for an `error` object inside an answer that began well."""
    known = error if isinstance(error, dict) else {"message": error}
    said = known.get("message")
    message = scrub(said, key) if isinstance(said, str) else ""
    code, kind = (str(known.get(name))[:64] for name in ("code", "type"))
    if re.fullmatch(r"[45][0-9][0-9]", code):
        return by_status(int(code), message)
    words = f"{kind} {code}".lower()
    if "rate_limit" in words or "insufficient_quota" in words:
        return by_status(429, message)
    if re.search(r"server_error|overloaded|unavailable|timeout", words):
        return Unavailable("the provider failed while it was answering")
    if "invalid_request" in words:
        return Refused(f"the provider refused the request: {message}")
    return ProviderError(f"the provider reported an error: {message or 'no reason'}")
