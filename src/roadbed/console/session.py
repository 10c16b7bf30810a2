"""Who is signed in: cookies, the form's token, and where to go after sign-in."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from roadbed.core.actor import Principal
from roadbed.core.errors import Invalid, NotFound, TooLarge
from roadbed.core.secret import Secret

HOME = "/console"
SIGN_IN = "/console/sign-in"
SIGN_OUT = "/console/sign-out"
CALLBACK = "/console/callback"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way in for people: an identity provider, and the address that begins there."""

    name: str
    issuer: str
    address: str

    @property
    def host(self) -> str:
        """Return whose page it is, for people to recognise."""
        return urlsplit(self.issuer).netloc

    def leading_to(self, back: str, *, again: bool = False) -> str:
        """Return the address that begins a sign-in which leads to *back*."""
        asked = {"next": back} | ({"again": "1"} if again else {})
        return f"{self.address}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Somebody whom a provider vouched for: their session, and where they wanted to."""

    opened: Opened
    back: str


class People(Protocol):
    """Lets people in whom an identity provider vouches for. Methods block."""

    def ways(self) -> tuple[Way, ...]:
        """Return the providers that are declared now."""
        ...

    def begin(self, provider: str, browser: Secret, back: str, *, again: bool) -> str:
        """Return the address at *provider* where the browser goes to sign in.

        *again*: however long it has known the person, the provider must ask anew.
        Raises NotFound if there is no such provider, Unavailable if it is not there.
        """
        ...

    def finish(self, query: Mapping[str, str], browser: Secret) -> Arrived:
        """Open a session for whom the callback's *query* proves.

        Raises Unauthenticated or Denied if that is nobody.
        """
        ...


class Nobody:
    """Where no identity provider can be declared: a `People` without any."""

    def ways(self) -> tuple[Way, ...]:
        """Return none."""
        return ()

    def begin(self, provider: str, browser: Secret, back: str, *, again: bool) -> str:
        """Raise NotFound."""
        raise NotFound("no identity provider is declared here")

    def finish(self, query: Mapping[str, str], browser: Secret) -> Arrived:
        """Raise NotFound."""
        raise NotFound("no identity provider is declared here")


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


def browser_secret(request: Request) -> Secret:
    """Return the secret that binds a sign-in to this browser, new if it has none.

    It is kept if there is one, so that two tabs do not invalidate each other.
    """
    return known_browser(request) or Secret(secrets.token_urlsafe(32))


def known_browser(request: Request) -> Secret | None:
    """Return the secret that this browser was given, None if it has none."""
    known = request.cookies.get(_name(request, "sign-in"), "")
    return Secret(known) if _TOKEN.fullmatch(known) else None


def keep_browser(request: Request, response: Response, browser: Secret) -> None:
    """Give *browser* to the browser for ten minutes.

    It comes back when the provider leads here, which is another site: so Lax.
    """
    value = browser.reveal()
    _set(request, response, "sign-in", value, 600, same_site="lax")


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
    if path in (SIGN_IN, SIGN_OUT, CALLBACK) or path.startswith(SIGN_IN + "/"):
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
    request: Request,
    response: Response,
    what: str,
    value: str,
    seconds: int,
    *,
    same_site: Literal["strict", "lax"] = "strict",
) -> None:
    response.set_cookie(
        _name(request, what),
        value,
        max_age=seconds,
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite=same_site,
    )


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
