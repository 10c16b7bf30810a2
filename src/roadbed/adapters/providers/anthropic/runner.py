"""The provider: one pool of connections for all its versions."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial

import msgspec

from roadbed.adapters.providers.anthropic.config import Config
from roadbed.core.errors import ProviderError
from roadbed.core.secret import Secret
from roadbed.dialects.anthropic import WRITTEN
from roadbed.dialects.base import Written
from roadbed.inference.call import Call, Chunk
from roadbed.inference.chat import ChatRequest, Fields
from roadbed.inference.conversation import Conversation
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.limits import Limits
from roadbed.transport.pool import Pool
from roadbed.transport.question import checked
from roadbed.transport.runner import JSON_HEADERS, Api, HttpRunner

_NOT_COUNTED = frozenset(
    {
        "max_tokens", "metadata", "service_tier", "stop_sequences", "stream",
        "temperature", "top_k", "top_p",
    }
)  # fmt: skip
"""Fields of a message that the counting of its tokens does not take."""


class _Counted(msgspec.Struct):
    input_tokens: int


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_COUNTED = msgspec.json.Decoder(_Counted)


class AnthropicApi(Api):
    """Anthropic's Messages API."""

    platform = "anthropic"

    def __init__(self, config: Config) -> None:
        write = partial(_write, config.max_tokens)
        super().__init__(config, replace(WRITTEN, write=write))
        self._version = config.version
        self._betas = frozenset(config.betas)

    def address(self, model: str, written: Written, *, stream: bool) -> str:
        """Return the address of messages."""
        return f"{self.config.base_url}/v1/messages"

    def headers(self, key: Secret | None, url: str, body: bytes) -> dict[str, str]:
        """Return the headers that go with *body*, our key in them."""
        sent = {**JSON_HEADERS, "anthropic-version": self._version}
        if key is not None:
            sent["x-api-key"] = key.reveal()
        return sent

    def told(self, call: Call) -> dict[str, str]:
        """Return the trace of *call*, and the features it asks for that may be used."""
        wanted = call.request.betas if isinstance(call.request, ChatRequest) else ()
        allowed = ",".join(name for name in wanted if name in self._betas)
        return super().told(call) | ({"anthropic-beta": allowed} if allowed else {})


class AnthropicRunner(HttpRunner):
    """One version, which also counts tokens. Counting costs nothing."""

    async def count(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the number of input tokens of a `CountRequest`, as JSON text."""
        limits, written = Limits(call, self._api.config), self._api.default
        asked = _FIELDS.decode(self._question.ask(call, written))
        kept = {k: v for k, v in asked.items() if k not in _NOT_COUNTED}
        url = f"{self._api.config.base_url}/v1/messages/count_tokens"
        body = msgspec.json.encode(kept)
        key, response = await self._post(call, url, body, limits)
        try:
            await self._refuse_failure(response, limits, key)
            told = _count_in(await self._body(response, limits))
        finally:
            response.release()
        yield Chunk(text=msgspec.json.encode(told).decode(), finish="stop")


class Anthropic:
    """Anthropic's API: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)
        self._api = AnthropicApi(config)

    def open(self, version: ModelVersion) -> AnthropicRunner:
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be sent, and Unavailable if the
        key is not where its reference says.
        """
        checked(WRITTEN, version)
        self.pool.resolve()
        return AnthropicRunner(self.pool, self._api, version)

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()


def _write(most: int, asked: Conversation) -> Fields:
    if asked.max_tokens is None:
        asked = replace(asked, max_tokens=most)
    return WRITTEN.write(asked)


def _count_in(data: bytes) -> _Counted:
    try:
        return _COUNTED.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    raise ProviderError("the provider did not say how many tokens there are")
