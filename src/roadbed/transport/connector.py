"""Connections to where a provider's key may go, and nowhere else."""

import socket
from typing import TYPE_CHECKING, Any

from roadbed.core.addresses import is_public

if TYPE_CHECKING:
    from aiohttp import TCPConnector


class PrivateAddress(OSError):
    """The address is inside a private network, and the config does not say so."""


def connector(private: bool) -> "TCPConnector":
    """Return what makes connections; to public addresses only, unless *private*.

    Each address is judged when it is connected to, so a name that is resolved anew
    may change its mind as often as it likes.
    """
    import aiohttp

    factory = None if private else _socket
    return aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, socket_factory=factory)


def _socket(found: Any) -> socket.socket:
    """Return a socket for one result of `getaddrinfo`; raise PrivateAddress."""
    family, kind, protocol, _, address = found
    if not is_public(str(address[0])):
        raise PrivateAddress("the provider's address is inside a private network")
    return socket.socket(family, kind, protocol)
