"""Is this request meant for us, and does it come from our own pages?

A web page can have the visitor's browser ask any address, this machine's included,
and with DNS rebinding it can even read the answer: its own name then leads here. So
a server answers to the names it is known by, and a request that a browser sends for a
page is answered if that page is ours. No header ever invites another origin (CORS).
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence

from roadbed.core.errors import Invalid, RoadbedError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_ADDRESS = "0.0.0.0"
"""Among the allowed hosts: the server listens everywhere, so any address leads here."""
_WILD = frozenset({"", ANY_ADDRESS, "::"})
_REMEMBERED = 256
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_ONCE = frozenset(
    {b"host", b"origin", b"authorization", b"content-length", b"content-type"}
)


class Misdirected(RoadbedError):
    """The request is for another host: a browser was led here by a foreign name."""

    code = "misdirected"
    status = 421


class ForeignOrigin(RoadbedError):
    """A page of another origin had a browser send the request."""

    code = "foreign_origin"
    status = 403


class Door:
    """Lets in what is meant for the hosts *allowed*; remembers whom it let in."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._known: set[tuple[bytes | None, bytes | None]] = set()

    def wrong(
        self, headers: Sequence[tuple[bytes, bytes]], *, named: bool
    ) -> RoadbedError | None:
        """Say why a request with these *headers* is refused; None if it is not.

        It must have a host if it is to be *named*. Raises Invalid as `read_once` does.
        """
        given = dict(headers)
        comes = given.get(b"host"), given.get(b"origin")
        if comes in self._known and len(given) == len(headers):
            return None
        host, origin = read_once(headers)
        if named and not host:
            return Invalid("the request names no host", hint="send a Host header")
        found = refusal(host, origin, self._allowed)
        if found is None and host and len(self._known) < _REMEMBERED:
            self._known.add(comes)
        return found


def refusal(host: str, origin: str, allowed: frozenset[str]) -> RoadbedError | None:
    """Say why a request with this `Host` and this `Origin` is refused; None if not.

    *host* may be empty, as it is in HTTP/1.0, which no browser speaks. *origin* is
    empty where no browser is at work, or where it shows a page.
    """
    if host and not _is_known(host, allowed):
        return Misdirected(
            "this server is not known by the name in the Host header",
            hint="ask it by its address, or name it in ROADBED_ALLOWED_HOSTS",
        )
    if origin and not _is_own(origin, host, allowed):
        return ForeignOrigin(
            "a page of another origin sent this request",
            hint="browsers may call from the console only; call from a server",
        )
    return None


def allowed_hosts(listening: str, names: Iterable[str]) -> frozenset[str]:
    """Return the hosts of a server on the address *listening* with these *names*."""
    own = {listening.strip("[]").lower()}
    if own & _WILD:
        own = {ANY_ADDRESS, *LOOPBACK}
    elif own & LOOPBACK or listening.startswith("127."):
        own |= LOOPBACK
    return frozenset(own | {name.lower() for name in names})


def read_once(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """Return the `Host` and the `Origin` among *headers*, empty where there is none.

    Raises Invalid if one that may stand once stands twice: another server on the way
    may have read the other one.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ONCE:
            if name in found:
                raise Invalid(f"the header {name.decode()} stands there twice")
            found[name] = value
    host, origin = found.get(b"host", b""), found.get(b"origin", b"")
    return host.decode("latin-1"), origin.decode("latin-1")


def _is_known(host: str, allowed: frozenset[str]) -> bool:
    name = host.lower()
    if name in allowed:
        return True
    name = _name_of(name)
    return name in allowed or (ANY_ADDRESS in allowed and _is_address(name))


def _name_of(host: str) -> str:
    """Return *host* without its port and brackets; empty if it is no host."""
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name = host
    elif not _PORT.fullmatch(port):
        return ""
    return name[1:-1] if name[:1] == "[" and name[-1:] == "]" else name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_own(origin: str, host: str, allowed: frozenset[str]) -> bool:
    """Say whether *origin* is that of *host*, or, with TLS, of a name we have."""
    scheme, _, authority = origin.lower().partition("://")
    if scheme not in ("http", "https") or not authority:
        return False
    return authority == host.lower() or (scheme == "https" and authority in allowed)
