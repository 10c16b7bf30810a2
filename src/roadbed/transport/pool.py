"""One provider's connections and its key: all that its versions share."""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Mapping

from roadbed.core.errors import Invalid, NotFound, Unavailable
from roadbed.core.secret import Bundle, Secret
from roadbed.ports.secrets import Secrets
from roadbed.transport.config import HttpConfig
from roadbed.transport.http.answer import Answer
from roadbed.transport.http.client import Client, OwnClient
from roadbed.transport.http.other import OtherClient
from roadbed.transport.limits import Limits, within

Headers = Callable[[Secret | None], Mapping[str, str]]
"""Makes the headers of a request, of the key to send."""
_REFUSES_KEY = (401, 403)


class Pool:
    """Connections to one provider, guarded, and the key that is shown there."""

    def __init__(self, config: HttpConfig, secrets: Secrets) -> None:
        self.config = config
        self._secrets = secrets
        kind = OwnClient if config.client == "own" else OtherClient
        self._http: Client = kind(private=config.private)

    async def post(
        self, url: str, body: bytes, headers: Headers, limits: Limits
    ) -> tuple[Secret | None, Answer]:
        """Post *body*; return the answer and the key that was sent.

        A key that is refused is asked for anew, and another one tried once.
        """
        known, key = self._at_hand()
        if not known:
            key = await self._soon(self.key(), limits)
        answer = await self._http.post(url, body, headers(key), limits)
        if answer.status not in _REFUSES_KEY:
            return key, answer
        try:
            other = await self._soon(self.other_key(key), limits)
        except BaseException:
            answer.release()
            raise
        if other is None:
            return key, answer
        answer.release()
        return other, await self._http.post(url, body, headers(other), limits)

    async def _soon(
        self, key: Awaitable[Secret | None], limits: Limits
    ) -> Secret | None:
        """Return *key*, which its source has to give before the answer must begin."""
        try:
            return await within(key, limits.first())
        except OSError:
            failure = Unavailable("the source of the provider's key is away")
        raise failure

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

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self._http.close()


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
