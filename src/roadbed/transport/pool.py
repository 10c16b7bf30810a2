"""One provider's connections and its key: all that its versions share."""

from asyncio import to_thread
from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from roadbed.core.errors import Invalid, NotFound, Unavailable
from roadbed.core.secret import Bundle, Secret
from roadbed.ports.secrets import Secrets
from roadbed.transport.config import HttpConfig
from roadbed.transport.connector import connector
from roadbed.transport.limits import Limits, within

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, ClientTimeout
    from yarl import URL

Headers = Callable[[Secret | None], Mapping[str, str]]
"""Makes the headers of a request, of the key to send."""
_REFUSES_KEY = (401, 403)
_LARGE = 2**20
"""From so many bytes on a body is sent piece by piece, and others get their turn."""


class Pool:
    """Connections to one provider, guarded, and the key that is shown there."""

    def __init__(self, config: HttpConfig, secrets: Secrets) -> None:
        self.config = config
        self._secrets = secrets
        self._session: ClientSession | None = None
        self._timeout: ClientTimeout | None = None
        self._closed = False

    async def post(
        self, url: str, body: bytes, headers: Headers, limits: Limits
    ) -> "tuple[Secret | None, ClientResponse]":
        """Post *body*; return the answer and the key that was sent.

        A key that is refused is asked for anew, and another one tried once.
        """
        known, key = self._at_hand()
        if not known:
            key = await within(self.key(), limits.first(), Unavailable)
        at = _as_it_stands(url)
        response = await self._post(at, body, headers(key), limits)
        if response.status not in _REFUSES_KEY:
            return key, response
        try:
            other = await within(self.other_key(key), limits.first(), Unavailable)
        except BaseException:
            response.release()
            raise
        if other is None:
            return key, response
        response.release()
        return other, await self._post(at, body, headers(other), limits)

    async def _post(
        self, url: "URL", body: bytes, headers: Mapping[str, str], limits: Limits
    ) -> "ClientResponse":
        work = self.session().post(
            url,
            data=body if len(body) < _LARGE else BytesIO(body),
            headers=headers,
            allow_redirects=False,
            timeout=self._patience(limits.connect_s),
        )
        return await within(work, limits.first(), Unavailable)

    def _patience(self, connect_s: float) -> "ClientTimeout":
        """Return how long a connection may take: one value for all who ask alike."""
        if self._timeout is None or self._timeout.sock_connect != connect_s:
            import aiohttp

            self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        return self._timeout

    async def key(self) -> Secret | None:
        """Return the key to send; None if the config names none.

        It is at hand, and asked for again in time, unless its source was away. If the
        config names several secrets, they come as a Bundle.
        """
        known, key = self._at_hand()
        return key if known else await to_thread(self.resolve)

    def _at_hand(self) -> tuple[bool, Secret | None]:
        """Return whether the key to send is known here and now, and the key."""
        wanted = self.config.references
        held = [(self._secrets.held(at), at) for at in wanted]
        if not all(value for value, _ in held):
            return False, None
        return True, _joined([_sound(value, at) for value, at in held if value])

    async def other_key(self, refused: Secret | None) -> Secret | None:
        """Return a key to try once more with, after *refused* was; None: there is none.

        This is how a rotation is noticed before the old key's time is over.
        """
        if refused is None:
            return None
        return await to_thread(self._renew, refused)

    def _renew(self, refused: Secret) -> Secret | None:
        known = list(zip(self.config.references, refused.parts, strict=True))
        others = [self._secrets.renew(at, value) for at, value in known]
        if not any(others):
            return None
        both = zip(others, known, strict=True)
        return _joined([_sound(other or old, at) for other, (at, old) in both])

    def resolve(self) -> Secret | None:
        """Return the key, or None if the config names none; may block.

        Raises Unavailable if it is not where its reference says.
        """
        return _joined([self._resolve(at) for at in self.config.references])

    def _resolve(self, reference: str) -> Secret:
        try:
            return _sound(self._secrets.resolve(reference), reference)
        except (NotFound, Invalid) as error:
            raise Unavailable(
                f"the provider's key is not at {reference}: {error.message}",
                hint=error.hint,
            ) from None

    def session(self) -> "ClientSession":
        """Return the pool of connections, made on the running loop at the first call.

        It keeps no cookies, takes no proxy or password from the environment, connects
        to public addresses only unless the config says `private`, and has no limit of
        its own: how many calls may be under way is decided before here.
        """
        import aiohttp

        if self._closed:
            raise Unavailable("the provider was closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(self.config.private),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._patience(self.config.connect_timeout_ms / 1000),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


@lru_cache(maxsize=1024)
def _as_it_stands(url: str) -> "URL":
    """Return *url*; what is percent-encoded in it may be signed, and stays so."""
    from yarl import URL

    return URL(url, encoded="%" in url)


def _joined(parts: list[Secret]) -> Secret | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return Bundle(*parts)


def _sound(key: Secret, reference: str) -> Secret:
    """Return *key*; raise Unavailable if it is no line of a header."""
    if not key.reveal().isascii() or not key.reveal().isprintable():
        raise Unavailable(
            f"the provider's key at {reference} cannot stand in a header",
            hint="a key is one line of plain characters",
        )
    return key
