"""What an upstream's refusals mean here, in words that hold no secret."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from roadbed.core.errors import (
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
)
from roadbed.core.secret import Secret

_LONGEST = 400
_TOKENS = re.compile(
    r"(?i)\bbearer\s+\S+|\b(?:sk|rbk|rbt|gsk|xai|pk)[-_][\w*.-]{6,}"
    r"|\b(?-i:AIza[\w-]{20,}|A[KS]IA[0-9A-Z]{12,})"
)
_OURS = frozenset({401, 402, 403, 407})


def scrub(text: str, key: Secret | None) -> str:
    """Return *text* on one short line, without our key or what looks like one."""
    for part in key.parts if key is not None else ():
        text = text.replace(part.reveal(), "****")
    return " ".join(_TOKENS.sub("****", text).split())[:_LONGEST]


def by_status(
    status: int, message: str, retry_after_s: float | None = None
) -> ProviderError:
    """Return the error for an HTTP *status*; *message* is the upstream's, scrubbed.

    A status that blames our credential or our account never shows the message: it is
    for whoever runs this, not for the caller, and upstreams quote keys in it.
    """
    known: Any = {"upstream_status": status, "retry_after_s": retry_after_s}
    if status in _OURS:
        return Unavailable(
            f"the provider does not accept our credential ({status})",
            hint="check the key of the Provider, and what its account may use",
            upstream_status=status,
        )
    if status == 429:
        return RateLimited("the provider asks for patience (429)", **known)
    if status == 408:
        return TimedOut("the provider gave up waiting (408)", **known)
    if status >= 500:
        return Unavailable(f"the provider answered {status}", **known)
    if status >= 400:
        said = message or "it did not say why"
        return Refused(
            f"the provider refused the request ({status}): {said}",
            upstream_status=status,
        )
    return ProviderError(
        f"the provider answered {status}, which is no answer; nothing was followed",
        hint="check that base_url is the final address of the API",
        upstream_status=status,
    )


def message_of(body: bytes) -> str:
    """Return the sentence in an error's *body*, or an empty text if there is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    for _ in range(2):  # {"error": {"message": …}}, {"error": …}, {"message": …}
        if isinstance(value, dict):
            found = (value.get(name) for name in ("error", "message", "detail"))
            value = next((v for v in found if v), "")
    return value if isinstance(value, str) else ""


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds the upstream wants us to wait, or None if unclear.

    Reads `retry-after-ms`, then `Retry-After` as seconds or as a date; a date is
    compared with the upstream's own `Date`, so that our clocks need not agree.
    """
    with suppress(ValueError):
        return _sane(float(headers.get("retry-after-ms", "")) / 1000)
    text = headers.get("retry-after", "")
    with suppress(ValueError):
        return _sane(float(text))
    until = _moment(text)
    if until is None:
        return None
    return _sane((until - (_moment(headers.get("date", "")) or now)).total_seconds())


def _moment(text: str) -> datetime | None:
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _sane(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None
