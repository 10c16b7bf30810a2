"""The provider and its runners, on aiohttp."""

import time
from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from roadbed.adapters.providers.openai.answer import Answer
from roadbed.adapters.providers.openai.config import Config
from roadbed.adapters.providers.openai.connector import connector
from roadbed.adapters.providers.openai.events import Events
from roadbed.adapters.providers.openai.failures import (
    by_status,
    message_of,
    retry_after_s,
    scrub,
)
from roadbed.adapters.providers.openai.limits import Limit, Limits, within
from roadbed.adapters.providers.openai.question import Question
from roadbed.core.errors import (
    Invalid,
    NotFound,
    ProviderError,
    Truncated,
    Unavailable,
)
from roadbed.core.secret import Secret
from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import ChatRequest
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_ERROR_BYTES = 64 * 1024
_DRAIN_S = 0.01
_REFUSES_KEY = (401, 403)


class OpenAI:
    """An OpenAI-compatible API: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self._secrets = secrets
        self._session: ClientSession | None = None
        self._closed = False

    def open(self, version: ModelVersion) -> "OpenAIRunner":
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be sent, and Unavailable if the
        key is not where its reference says.
        """
        question = Question(self.config, version)
        self._resolve()
        return OpenAIRunner(self, question)

    async def key(self) -> Secret | None:
        """Return the key to send; None if the config names none.

        It is at hand, and asked for again in time, unless its source was away.
        """
        reference = self.config.api_key
        if reference is None:
            return None
        held = self._secrets.held(reference)
        return _sound(held, reference) if held else await to_thread(self._resolve)

    async def other_key(self, refused: Secret | None) -> Secret | None:
        """Return a key to try once more with, after *refused* was; None: there is none.

        This is how a rotation is noticed before the old key's time is over.
        """
        reference = self.config.api_key
        if reference is None or refused is None:
            return None
        other = await to_thread(self._secrets.renew, reference, refused)
        return _sound(other, reference) if other else None

    def _resolve(self) -> Secret | None:
        reference = self.config.api_key
        if reference is None:
            return None
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
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self.config.connect_timeout_ms / 1000
                ),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


class OpenAIRunner:
    """One version of a hosted model: an upstream id behind a prompt and parameters."""

    def __init__(self, provider: OpenAI, question: Question) -> None:
        self._provider = provider
        self._config = provider.config
        self._question = question

    def metadata(self) -> dict[str, Any]:
        """Return the platform, the upstream id and where it is."""
        return {
            "platform": "openai",
            "upstream": self._question.model,
            "base_url": self._config.base_url,
        }

    async def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the answer as the upstream gives it, each chunk with its raw bytes.

        A whole answer is one chunk, `raw` its JSON. Of a stream each chunk is one
        event, `raw` is `data: …` and a blank line; the last is the terminal marker,
        and only it has `finish` and `usage`. Text is that of the first choice; its
        tool calls are annotations of the last chunk.
        """
        request = call.request
        if not isinstance(request, ChatRequest):
            raise Invalid(
                "this model answers chat completions, not tensors",
                hint="POST /v1/chat/completions",
            )
        body, limits = self._question.ask(request), Limits(call, self._config)
        key, response = await self._ask(body, limits)
        try:
            await self._refuse_failure(response, limits, key)
            answer = Answer(request.wants_usage, key)
            if not request.stream:
                yield answer.whole(await self._body(response, limits))
                return
            async with aclosing(self._stream(response, answer, limits)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            response.release()

    async def close(self) -> None:
        """Do nothing: the connections belong to the provider."""

    async def _ask(
        self, body: bytes, limits: Limits
    ) -> "tuple[Secret | None, ClientResponse]":
        """Return the answer and the key that was sent: another, if one was refused."""
        key = await within(self._provider.key(), limits.first(), Unavailable)
        response = await self._post(body, limits, key)
        if response.status not in _REFUSES_KEY:
            return key, response
        try:
            renewal = self._provider.other_key(key)
            other = await within(renewal, limits.first(), Unavailable)
        except BaseException:
            response.release()
            raise
        if other is None:
            return key, response
        response.release()
        return other, await self._post(body, limits, other)

    async def _post(
        self, body: bytes, limits: Limits, key: Secret | None
    ) -> "ClientResponse":
        work = self._provider.session().post(
            f"{self._config.base_url}/chat/completions",
            data=BytesIO(body),
            headers=_headers(key),
            allow_redirects=False,
        )
        return await within(work, limits.first(), Unavailable)

    async def _refuse_failure(
        self, response: "ClientResponse", limits: Limits, key: Secret | None
    ) -> None:
        if response.status < 300:
            if response.content_type == "text/html":
                raise ProviderError(
                    "the provider answered with a web page",
                    hint="check that base_url ends where the API begins, as in …/v1",
                )
            return
        try:
            body = await self._body(response, limits, _ERROR_BYTES)
        except ProviderError:
            body = b""  # the status says enough
        wait_s = retry_after_s(response.headers, datetime.now(UTC))
        raise by_status(response.status, scrub(message_of(body), key), wait_s)

    async def _stream(
        self, response: "ClientResponse", answer: Answer, limits: Limits
    ) -> AsyncGenerator[Chunk]:
        if response.content_type != "text/event-stream":
            answer.whole(await self._body(response, limits))  # raises what it says
            raise ProviderError("the provider answered whole, and was asked to stream")
        events = Events()
        async with aclosing(self._pieces(response, limits)) as pieces:
            async for piece in pieces:
                for data in events.feed(piece):
                    if (chunk := answer.event(data)) is not None:
                        yield chunk
                    if answer.done:
                        await self._drain(response)
                        return
        raise Truncated("the provider stopped before it had finished")

    async def _drain(self, response: "ClientResponse") -> None:
        """Read the end of the body, if it is there, so that the connection is kept."""
        soon = Limit(time.monotonic() + _DRAIN_S, "")
        with suppress(ProviderError):
            await within(response.content.readany(), soon, Truncated)

    async def _body(
        self, response: "ClientResponse", limits: Limits, most: int = 0
    ) -> bytes:
        async with aclosing(self._pieces(response, limits, most)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def _pieces(
        self, response: "ClientResponse", limits: Limits, most: int = 0
    ) -> AsyncGenerator[bytes]:
        most, size, limit = most or self._config.max_answer_bytes, 0, limits.first()
        while piece := await within(response.content.readany(), limit, Truncated):
            size += len(piece)
            if size > most:
                raise ProviderError(f"the provider's answer is over {most} bytes")
            yield piece
            limit = limits.idle()


def _headers(key: Secret | None) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "roadbed",
    }
    if key is not None:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    return headers


def _sound(key: Secret, reference: str) -> Secret:
    """Return *key*; raise Unavailable if it is no line of a header."""
    if not key.reveal().isascii() or not key.reveal().isprintable():
        raise Unavailable(
            f"the provider's key at {reference} cannot stand in a header",
            hint="a key is one line of plain characters",
        )
    return key
