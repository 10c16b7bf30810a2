"""Who is signed in: cookies, the form's token, and where to go after sign-in."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from roadbed.core.actor import Principal
from roadbed.core.errors import Invalid, TooLarge
from roadbed.core.secret import Secret

HOME = "/console"
SIGN_IN = "/console/sign-in"
SIGN_OUT = "/console/sign-out"
_FORM_BYTES = 8_192
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new session: the token that proves it and how long it may last."""

    token: Secret
    seconds: int


class SessionStore(Protocol):
    """Keeps sessions on the server. Methods block."""

    def open(self, key: Secret) -> Opened:
        """Exchange a service account's key for a session.

        Raises Unauthenticated if the key is unknown, expired or revoked.
        """
        ...

    def find(self, token: Secret) -> Principal | None:
        """Return who holds the session now, None if it ended or never was."""
        ...

    def end(self, token: Secret) -> None:
        """End the session, if there is one."""
        ...


def session_token(request: Request) -> Secret | None:
    """Return the session's token that came with *request*."""
    token = request.cookies.get(_name(request, "session"), "")
    return Secret(token) if _TOKEN.fullmatch(token) else None


def keep_session(request: Request, response: Response, opened: Opened) -> None:
    """Put the session into *response* as a cookie no script can read."""
    _set(request, response, "session", opened.token.reveal(), opened.seconds)
    _set(request, response, "form", "", 0)


def forget_session(request: Request, response: Response) -> None:
    """Take the session's cookie away."""
    _set(request, response, "session", "", 0)


def form_token(request: Request) -> str:
    """Return the token that the sign-in form must carry.

    It is the one this browser already has, if any, so that two tabs do not
    invalidate each other.
    """
    known = request.cookies.get(_name(request, "form"), "")
    return known if _TOKEN.fullmatch(known) else secrets.token_urlsafe(24)


def keep_form_token(request: Request, response: Response, token: str) -> None:
    """Put the form's token beside the form, for the two to be compared."""
    _set(request, response, "form", token, 3_600)


def form_token_matches(request: Request, given: str) -> bool:
    """Say whether *given* is the token this browser got with its form."""
    known = request.cookies.get(_name(request, "form"), "")
    return bool(_TOKEN.fullmatch(known)) and _same(known, given)


def action_token(token: Secret) -> str:
    """Return what forms of a signed-in page carry: bound to the session, not it."""
    key = token.reveal().encode()
    return hmac.new(key, b"roadbed console form", hashlib.sha256).hexdigest()


def action_token_matches(token: Secret, given: str) -> bool:
    """Say whether *given* came from a form of this session."""
    return _same(action_token(token), given)


def from_elsewhere(request: Request) -> bool:
    """Say whether another site made the browser send *request*."""
    return request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a small form, the first value of each.

    Raises TooLarge above 8 KB, Invalid for more fields than any form of ours has.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise TooLarge("the form is larger than 8 KB", hint="send the form only")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=16)
    except ValueError:
        raise Invalid("this is not our form: it has too many fields") from None
    return {name: values[0] for name, values in fields.items()}


def safe_return(asked: str) -> str:
    """Return *asked* if it is a page of this console, else the first page.

    Nothing that a browser could read as another host or another part of the
    site passes: no scheme, no host, no backslash, no control character, no `..`.
    """
    if re.search(r"[\x00-\x20\x7f\\]", asked) or not asked.isascii():
        return HOME
    try:
        parts = urlsplit(asked)
    except ValueError:
        return HOME
    path = unquote(parts.path)
    inside = path == HOME or path.startswith(HOME + "/")
    if parts.scheme or parts.netloc or not inside or ".." in path or "\\" in path:
        return HOME
    if path in (SIGN_IN, SIGN_OUT):
        return HOME
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _name(request: Request, what: str) -> str:
    # The `__Host-` prefix makes the browser insist on Secure, so plain http on
    # a developer's machine has the same cookie without the prefix.
    prefix = "__Host-" if _secure(request) else ""
    return f"{prefix}roadbed-{what}"


def _secure(request: Request) -> bool:
    # A proxy that ends TLS says so in this header. Whoever lies in it only keeps
    # their own browser from sending the cookie back.
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0]
    return "https" in (request.url.scheme, forwarded.strip())


def _set(
    request: Request, response: Response, what: str, value: str, seconds: int
) -> None:
    response.set_cookie(
        _name(request, what),
        value,
        max_age=seconds,
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite="strict",
    )


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
