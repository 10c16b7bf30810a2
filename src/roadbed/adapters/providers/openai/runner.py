"""The provider: one pool of connections for all its versions."""

from roadbed.adapters.providers.openai.config import Config
from roadbed.dialects.base import Written
from roadbed.dialects.openai import WRITTEN
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.pool import Pool
from roadbed.transport.question import checked
from roadbed.transport.runner import Api, HttpRunner


class OpenAIApi(Api):
    """OpenAI's API, or one that is compatible with it."""

    platform = "openai"

    def address(self, model: str, written: Written, *, stream: bool) -> str:
        """Return the address of chat completions."""
        return f"{self.config.base_url}/chat/completions"


class OpenAI:
    """An OpenAI-compatible API: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)
        self._api = OpenAIApi(config, WRITTEN)

    def open(self, version: ModelVersion) -> HttpRunner:
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be sent, and Unavailable if the
        key is not where its reference says.
        """
        checked(WRITTEN, version)
        self.pool.resolve()
        return HttpRunner(self.pool, self._api, version)

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()
