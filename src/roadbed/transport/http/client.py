"""What a provider's pool asks with: our own HTTP, or another that does the same."""

from collections.abc import Mapping
from typing import Protocol

from roadbed.core.errors import Unavailable
from roadbed.transport.http.answer import Answer
from roadbed.transport.http.origin import Connections
from roadbed.transport.http.patience import Patience
from roadbed.transport.http.target import Origin, head_of, target_of
from roadbed.transport.limits import Limits


class Client(Protocol):
    """Posts requests, each within its limits, and follows no redirect.

    It keeps no cookies, and takes no proxy or password from the environment. One that
    is not `private` connects to addresses of the public internet only.
    """

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], limits: Limits
    ) -> Answer:
        """Post *body*; return the answer once it has begun, or raise ProviderError."""
        ...

    async def close(self) -> None:
        """Close the connections; a request after that is Unavailable."""
        ...


class OwnClient:
    """HTTP/1.1 on httptools, with connections that are kept for each origin.

    A request is sent once. Whether it may be sent again is decided where its price and
    its deadline are known.
    """

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._patience: Patience | None = None
        self._origins: dict[Origin, Connections] = {}
        self._closed = False

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], limits: Limits
    ) -> Answer:
        """Post *body*; return the answer once it has begun, or raise ProviderError."""
        target = target_of(url)
        head = head_of("POST", target, headers, len(body))
        connections = self._origins.get(target.origin) or self._to(target.origin)
        connection = await connections.take(limits)
        return await connection.ask(head, body, limits.first())

    def _to(self, origin: Origin) -> Connections:
        if self._closed:
            raise Unavailable("the provider was closed")
        if self._patience is None:
            self._patience = Patience()
        made = Connections(origin, self._patience, private=self._private)
        self._origins[origin] = made
        return made

    async def close(self) -> None:
        """Close the connections; a request after that is Unavailable."""
        self._closed = True
        for connections in self._origins.values():
            connections.close()
        self._origins.clear()
        if self._patience is not None:
            self._patience.close()
