"""aiohttp behind the same interface: for servers that our own client does not suit."""

from collections.abc import Awaitable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from roadbed.core.errors import ProviderError, TimedOut, Truncated, Unavailable
from roadbed.transport.connector import connector
from roadbed.transport.http.answer import BROKE, NOT_HTTP, Answer, media_type
from roadbed.transport.limits import (
    LATE,
    Limit,
    Limits,
    unreachable,
    unreached,
    within,
)

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, ClientTimeout

T = TypeVar("T")
_LARGE = 2**20
"""From so many bytes on a body is sent piece by piece, and others get their turn."""


class OtherClient:
    """aiohttp, guarded as our own client is."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._session: ClientSession | None = None
        self._timeout: ClientTimeout | None = None
        self._closed = False

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], limits: Limits
    ) -> Answer:
        """Post *body*; return the answer once it has begun, or raise ProviderError."""
        from yarl import URL

        work = self._open().post(
            URL(url, encoded="%" in url),
            data=body if len(body) < _LARGE else BytesIO(body),
            headers=headers,
            allow_redirects=False,
            timeout=self._within_s(limits.connect_s),
        )
        return _Foreign(await _spoken(work, limits.first(), Unavailable))

    async def close(self) -> None:
        """Close the connections; a request after that is Unavailable."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _within_s(self, connect_s: float) -> "ClientTimeout":
        """Return how long a connection may take: one value for all who ask alike."""
        if self._timeout is None or self._timeout.sock_connect != connect_s:
            import aiohttp

            self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        return self._timeout

    def _open(self) -> "ClientSession":
        import aiohttp

        if self._closed:
            raise Unavailable("the provider was closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(self._private),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


class _Foreign:
    """An answer of aiohttp's. An `Answer`."""

    def __init__(self, response: "ClientResponse") -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.content_type = media_type(response.headers)

    async def more(self, limit: Limit) -> bytes:
        content = self._response.content
        if content.exception() is None:
            piece = content.read_nowait()
            if piece or content.at_eof():
                return piece
        return await _spoken(content.readany(), limit, Truncated)

    def leave(self) -> None:
        return

    def release(self) -> None:
        self._response.release()


async def _spoken(work: Awaitable[T], limit: Limit, broken: type[ProviderError]) -> T:
    """Return what *work* returns; raise a ProviderError for all that can go wrong.

    The foreign error is not kept as a cause: it holds the request's headers, and our
    key in them.
    """
    import aiohttp

    failure: Any
    try:
        return await within(work, limit)
    except aiohttp.ConnectionTimeoutError:
        failure = unreached(LATE)
    except aiohttp.ClientConnectorError as error:
        failure = unreachable(error.os_error)
    except TimedOut as error:
        failure = error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
        failure = broken(BROKE)
    except aiohttp.ClientError:
        failure = ProviderError(NOT_HTTP)
    raise failure
