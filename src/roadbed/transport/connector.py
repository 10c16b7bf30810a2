"""Connections to where a provider's key may go, and nowhere else."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

from roadbed.core.addresses import is_public

if TYPE_CHECKING:
    from aiohttp import TCPConnector

P = TypeVar("P", bound=asyncio.BaseProtocol)
Found = tuple[Any, ...]
"""One result of `getaddrinfo`."""
NAMES_S = 30.0
"""How long the addresses of a name are remembered. Each is judged every time."""


class PrivateAddress(OSError):
    """The address is inside a private network, and the config does not say so."""

    def __init__(self) -> None:
        super().__init__("the provider's address is inside a private network")


class Names:
    """The addresses of one host, asked for anew when they are old."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._found: list[Found] = []
        self._until_s = 0.0

    async def find(self) -> list[Found]:
        """Return where the host is; raise OSError if nobody knows."""
        if time.monotonic() > self._until_s:
            loop = asyncio.get_running_loop()
            kind = {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP}
            try:
                self._found = await loop.getaddrinfo(self.host, self.port, **kind)
            except UnicodeError:
                self._found = []  # it cannot be a name: a label is empty or too long
            self._until_s = time.monotonic() + NAMES_S
        return self._found


async def connected(
    names: Names, make: Callable[[], P], *, tls: bool, private: bool, patience_s: float
) -> P:
    """Return the protocol of a new connection; to a public address, unless *private*.

    Each address is judged when it is connected to, so a name that is resolved anew may
    change its mind as often as it likes. Addresses are tried in turns, each for its
    share of *patience_s*; raises OSError if none can be connected to.
    """
    made = await _first(list(_in_turns(await names.find())), private, patience_s)
    loop = asyncio.get_running_loop()
    try:
        _, protocol = await loop.create_connection(
            make,
            sock=made,
            ssl=_verified() if tls else None,
            server_hostname=names.host if tls else None,
        )
    except BaseException:
        made.close()
        raise
    return protocol


def connector(private: bool) -> "TCPConnector":
    """Return what makes aiohttp's connections, by the same rule as our own."""
    import aiohttp

    factory = None if private else _public_socket
    return aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, socket_factory=factory)


async def _first(found: list[Found], private: bool, patience_s: float) -> socket.socket:
    """Return a socket that is connected to the first of *found* that takes it."""
    until_s = time.monotonic() + patience_s
    failure: OSError = OSError("the name of the provider's host leads nowhere")
    for at, one in enumerate(found):
        share_s = (until_s - time.monotonic()) / (len(found) - at)
        try:
            async with asyncio.timeout(share_s):
                return await _socket_to(one, private)
        except TimeoutError:
            failure = TimeoutError("no connection in time")
        except OSError as error:
            failure = error
    raise failure


async def _socket_to(found: Found, private: bool) -> socket.socket:
    made = (_any_socket if private else _public_socket)(found)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(made, found[4])
    except BaseException:
        made.close()
        raise
    return made


def _any_socket(found: Found) -> socket.socket:
    family, kind, protocol, *_ = found
    return socket.socket(family, kind, protocol)


def _public_socket(found: Found) -> socket.socket:
    """Return a socket for one result of `getaddrinfo`; raise PrivateAddress."""
    if not is_public(str(found[4][0])):
        raise PrivateAddress
    return _any_socket(found)


def _in_turns(found: list[Found]) -> Iterable[Found]:
    """Return *found* with the families of addresses taking turns."""
    families = list(dict.fromkeys(one[0] for one in found))
    turns = zip_longest(*([o for o in found if o[0] == family] for family in families))
    return (one for one in chain.from_iterable(turns) if one is not None)


@lru_cache(maxsize=1)
def _verified() -> ssl.SSLContext:
    """Return how certificates are verified: as the system does, and names with them."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
