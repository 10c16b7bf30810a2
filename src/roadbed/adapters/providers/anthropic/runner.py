"""The provider: one pool of connections for all its versions."""

from dataclasses import replace
from functools import partial

from roadbed.adapters.providers.anthropic.config import Config
from roadbed.core.secret import Secret
from roadbed.dialects.anthropic import WRITTEN
from roadbed.dialects.base import Written
from roadbed.inference.call import Call
from roadbed.inference.chat import ChatRequest, Fields
from roadbed.inference.conversation import Conversation
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.counting import CountingRunner, Counts
from roadbed.transport.pool import Pool
from roadbed.transport.question import checked
from roadbed.transport.runner import JSON_HEADERS, Api

_NOT_COUNTED = frozenset(
    {
        "max_tokens", "metadata", "service_tier", "stop_sequences", "stream",
        "temperature", "top_k", "top_p",
    }
)  # fmt: skip
"""Fields of a message that the counting of its tokens does not take."""


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


class Anthropic:
    """Anthropic's API: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)
        self._api = AnthropicApi(config)
        url = f"{config.base_url}/v1/messages/count_tokens"
        self._counts = Counts(self._api.default, url, _is_counted)

    def open(self, version: ModelVersion) -> CountingRunner:
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be sent, and Unavailable if the
        key is not where its reference says.
        """
        checked(WRITTEN, version)
        self.pool.resolve()
        return CountingRunner(self.pool, self._api, version, self._counts)

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()


def _is_counted(name: str) -> bool:
    return name not in _NOT_COUNTED


def _write(most: int, asked: Conversation) -> Fields:
    if asked.max_tokens is None:
        asked = replace(asked, max_tokens=most)
    return WRITTEN.write(asked)
