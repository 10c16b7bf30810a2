"""Signing in where there is no browser: the device flow (RFC 8628), decided purely."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from roadbed.core.errors import Denied, Unavailable
from roadbed.core.secret import Secret
from roadbed.identity.oidc import provider_words

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER_S = 5
"""By how many seconds each `slow_down` makes us more patient."""
_INTERVAL_S, _LONGEST_S, _LIFETIME_S = 5, 60, 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A sign-in that waits for a person elsewhere: the code to show, and how to ask.

    `complete` is the address that has the code in it already, empty if there is none.
    `interval_s` is the pause before each question, `expires_s` how long it is good.
    """

    code: Secret
    user_code: str
    address: str
    complete: str
    interval_s: int
    expires_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a provider gives for a proof: an ID token, and what buys the next one."""

    id_token: Secret
    access_token: str
    refresh_token: Secret | None


def waiting_of(answer: Mapping[str, Any], issuer: str) -> Waiting:
    """Return what the provider's *answer* asks us to show and to do.

    Raises Unavailable if it is not what RFC 8628 says.
    """
    code, user_code = answer.get("device_code"), answer.get("user_code")
    address = answer.get("verification_uri")
    if not (_word(code) and _word(user_code) and _web(address)):
        raise Unavailable(f"{issuer} did not answer with a code for this device")
    complete = answer.get("verification_uri_complete")
    return Waiting(
        code=Secret(str(code)),
        user_code=str(user_code),
        address=str(address),
        complete=str(complete) if _web(complete) else "",
        interval_s=_seconds(answer.get("interval"), _INTERVAL_S, _LONGEST_S),
        expires_s=_seconds(answer.get("expires_in"), _LIFETIME_S, _LIFETIME_S),
    )


def after(waiting: Waiting, answer: Mapping[str, Any]) -> Waiting:
    """Return how to go on waiting after an *answer* that is no token.

    Slower, if we are told that we ask too often. Raises Denied if the person said
    no, or the code is no longer good.
    """
    match answer.get("error"):
        case "authorization_pending":
            return waiting
        case "slow_down":
            return replace(waiting, interval_s=waiting.interval_s + SLOWER_S)
        case "expired_token":
            raise too_late()
        case "access_denied":
            raise Denied("the sign-in was refused in the browser")
    raise Denied(f"the provider let nobody in: {provider_words(answer)}")


def too_late() -> Denied:
    """Return the error for a code that nobody confirmed in time."""
    return Denied("nobody confirmed the code in time", hint="run `roadbed login` again")


def tokens_of(answer: Mapping[str, Any]) -> Tokens | None:
    """Return the tokens in a provider's *answer*, None if it holds no ID token."""
    id_token, refresh = answer.get("id_token"), answer.get("refresh_token")
    access = answer.get("access_token")
    if not isinstance(id_token, str) or not id_token:
        return None
    return Tokens(
        id_token=Secret(id_token),
        access_token=access if isinstance(access, str) else "",
        refresh_token=Secret(refresh) if isinstance(refresh, str) and refresh else None,
    )


def _word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 4096 and value.isprintable()


def _web(value: object) -> bool:
    if not _word(value) or " " in str(value):
        return False
    try:
        parts = urlsplit(str(value))
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.netloc)


def _seconds(value: object, usual: int, most: int) -> int:
    if type(value) is not int or value < 1:
        return usual
    return min(value, most)
