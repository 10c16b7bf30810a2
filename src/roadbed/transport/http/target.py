"""Where a request goes, and the lines that say so."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from roadbed.core.errors import ProviderError


class Origin(NamedTuple):
    """A host and a port, with TLS or without: what connections are kept for."""

    host: str
    port: int
    tls: bool


class Target(NamedTuple):
    """An address: whose it is, and what follows the method in a request's head."""

    origin: Origin
    lines: str


@lru_cache(maxsize=1024)
def target_of(url: str) -> Target:
    """Return where *url* leads; what is percent-encoded in it may be signed, and stays.

    Raises ProviderError for what is no address of HTTP.
    """
    from yarl import URL

    at = URL(url, encoded="%" in url)
    host, path = at.raw_host, at.raw_path_qs
    if at.scheme not in ("http", "https") or not host or not at.port:
        raise ProviderError("the provider's address is none of HTTP")
    shown = at.host_port_subcomponent or host
    if not _is_visible(path) or not _is_visible(shown):
        raise ProviderError("the provider's address cannot stand in a request")
    origin = Origin(host.rstrip("."), at.port, at.scheme == "https")
    return Target(origin, f" {path} HTTP/1.1\r\nHost: {shown}\r\nAccept: */*\r\n")


def head_of(
    method: str, target: Target, headers: Mapping[str, str], length: int
) -> bytes:
    """Return a request's head; raise ProviderError if a header would be two."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    count = len(headers)
    if lines.count("\r") != count or lines.count("\n") != count or "\0" in lines:
        raise ProviderError("a header for the provider holds a line break")
    return f"{method}{target.lines}{lines}Content-Length: {length}\r\n\r\n".encode()


def _is_visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
