"""One version of a hosted model, behind an HTTP API of any dialect."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from roadbed.core.errors import Invalid, ProviderError, Truncated
from roadbed.core.secret import Secret
from roadbed.dialects.base import Ends, Reader, Written
from roadbed.dialects.batch import heard
from roadbed.dialects.failures import by_status, message_of, retry_after_s, scrub
from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import ChatRequest, CountRequest
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.trace import traced
from roadbed.transport.config import HttpConfig
from roadbed.transport.events import Events
from roadbed.transport.http.answer import Answer
from roadbed.transport.limits import Limits
from roadbed.transport.pool import Pool
from roadbed.transport.question import Question

_ERROR_BYTES = 64 * 1024
JSON_HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "roadbed",
}


class Plain(NamedTuple):
    """A question that is no conversation: where it goes, and what reads the answer.

    `read` is given the body and our key, and raises ProviderError and nothing else.
    """

    url: str
    body: bytes
    read: Callable[[bytes, Secret | None], Chunk]


class Frames(Protocol):
    """Cuts events out of the bytes of a stream, wherever the network cut them."""

    @property
    def half(self) -> bool:
        """Say whether an event has begun that has not come to its end."""
        ...

    def feed(self, piece: bytes) -> list[tuple[str, bytes]]:
        """Return name and data of each event that *piece* completes."""
        ...


class Api:
    """How one provider's API is spoken to. Subclass it where yours differs.

    `platform` is what the metadata calls it; `written` maps the dialects that it
    speaks by name, the first being the one that others are translated to.
    """

    platform: str = ""
    stream_type: str = "text/event-stream"
    names_model: bool = True

    def __init__(self, config: HttpConfig, *written: Written) -> None:
        self.config = config
        self.written: Mapping[str, Written] = {w.name: w for w in written}
        self.default = written[0]

    def spoken_to(self, call: Call) -> Written:
        """Return the dialect in which *call* goes upstream: its own, if it can."""
        return self.written.get(call.dialect, self.default)

    def address(self, model: str, written: Written, *, stream: bool) -> str:
        """Return the URL that a question for *model* is posted to."""
        raise NotImplementedError

    def plain(self, call: Call, question: Question) -> Plain | None:
        """Return how *call*, which is no conversation, is asked; None: it cannot be."""
        return None

    def headers(self, key: Secret | None, url: str, body: bytes) -> dict[str, str]:
        """Return the headers that go with *body*, our key in them."""
        sent = dict(JSON_HEADERS)
        if key is not None:
            sent["Authorization"] = f"Bearer {key.reveal()}"
        return sent

    def told(self, call: Call) -> dict[str, str]:
        """Return the headers by which the upstream is told what *call* says."""
        return traced(call)

    def frames(self) -> Frames:
        """Return what cuts a stream into events."""
        return Events()

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, key: Secret | None
    ) -> ProviderError:
        """Return the error for an answer of *status*, which is no success."""
        wait_s = retry_after_s(headers, datetime.now(UTC))
        return by_status(status, scrub(message_of(body), key), wait_s)


class HttpRunner:
    """One version: an upstream id behind a prompt and parameters."""

    def __init__(self, pool: Pool, api: Api, version: ModelVersion) -> None:
        self._pool = pool
        self._api = api
        self._question = Question(version, names_model=api.names_model)

    def metadata(self) -> dict[str, Any]:
        """Return the platform, the upstream id and where it is."""
        return {
            "platform": self._api.platform,
            "upstream": self._question.model,
            "base_url": self._api.config.base_url,
        }

    async def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the answer as the upstream gives it.

        A whole answer is one chunk. Of a stream each chunk is one event, or all plain
        text that came together; the last is the terminal marker, and only it has
        `finish` and `usage`.
        """
        request = call.request
        if not isinstance(request, ChatRequest) or isinstance(request, CountRequest):
            yield await self._plain(call)
            return
        written = self._api.spoken_to(call)
        body, limits = self._question.ask(call, written), Limits(call, self._api.config)
        url = self._api.address(self._question.model, written, stream=request.stream)

        key, response = await self._post(call, url, body, limits)
        try:
            await self._refuse_failure(response, limits, key)
            reader = written.reader(request, key)
            if not request.stream:
                yield reader.whole(await self._body(response, limits))
                return
            async with aclosing(self._stream(response, reader, limits)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            response.release()

    async def close(self) -> None:
        """Do nothing: the connections belong to the provider."""

    async def _post(
        self, call: Call, url: str, body: bytes, limits: Limits
    ) -> tuple[Secret | None, Answer]:
        def headers(key: Secret | None) -> dict[str, str]:
            return {**self._api.headers(key, url, body), **self._api.told(call)}

        return await self._pool.post(url, body, headers, limits)

    async def _refuse_failure(
        self, response: Answer, limits: Limits, key: Secret | None
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
        raise self._api.refusal(response.status, response.headers, body, key)

    async def _stream(
        self, response: Answer, reader: Reader, limits: Limits
    ) -> AsyncGenerator[Chunk]:
        if response.content_type != self._api.stream_type:
            reader.whole(await self._body(response, limits))  # raises what it says
            raise ProviderError("the provider answered whole, and was asked to stream")
        frames = self._api.frames()
        async with aclosing(self._pieces(response, limits)) as pieces:
            async for piece in pieces:
                for chunk in heard(reader, frames.feed(piece)):
                    yield chunk
                if reader.done:
                    response.leave()
                    return
        ending = reader.end if isinstance(reader, Ends) else None
        last = ending() if ending and not frames.half else None
        if last is not None:
            yield last
            return
        raise Truncated("the provider stopped before it had finished")

    async def _body(self, response: Answer, limits: Limits, most: int = 0) -> bytes:
        async with aclosing(self._pieces(response, limits, most)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def _pieces(
        self, response: Answer, limits: Limits, most: int = 0
    ) -> AsyncGenerator[bytes]:
        most = most or self._api.config.max_answer_bytes
        size, limit = 0, limits.first()
        while piece := await response.more(limit):
            size += len(piece)
            if size > most:
                raise ProviderError(f"the provider's answer is over {most} bytes")
            yield piece
            limit = limits.idle()

    async def _plain(self, call: Call) -> Chunk:
        plain = self._api.plain(call, self._question)
        if plain is None:
            raise Invalid(
                "this model holds conversations, and does nothing else",
                hint="ask for chat completions, messages or responses",
            )
        limits = Limits(call, self._api.config)
        key, response = await self._post(call, plain.url, plain.body, limits)
        try:
            await self._refuse_failure(response, limits, key)
            return plain.read(await self._body(response, limits), key)
        finally:
            response.release()
