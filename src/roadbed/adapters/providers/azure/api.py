"""The provider: where a deployment is, and how the key is shown there."""

from collections.abc import AsyncGenerator
from urllib.parse import quote

from roadbed.adapters.providers.azure.config import Config
from roadbed.core.secret import Secret
from roadbed.dialects.base import Written
from roadbed.dialects.openai import WRITTEN
from roadbed.inference.call import Call, Chunk
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.hold import held
from roadbed.transport.pool import Pool
from roadbed.transport.question import checked
from roadbed.transport.runner import JSON_HEADERS, Api, HttpRunner


class AzureApi(Api):
    """OpenAI's API at a deployment, or at the resource as a whole."""

    platform = "azure"

    def __init__(self, config: Config, *written: Written) -> None:
        super().__init__(config, *written)
        self._resource = f"{config.base_url}/openai"
        self._newer = config.api == "v1"
        self._version = config.api_version
        self._bearer = config.auth == "bearer"

    def address(self, model: str, written: Written, *, stream: bool) -> str:
        """Return the address of chat completions."""
        if self._newer:
            return f"{self._resource}/v1/chat/completions"
        deployment = f"{self._resource}/deployments/{quote(model, safe='')}"
        return f"{deployment}/chat/completions?api-version={self._version}"

    def headers(self, key: Secret | None, url: str, body: bytes) -> dict[str, str]:
        """Return the headers, our key in one of them."""
        if key is None or self._bearer:
            return super().headers(key, url, body)
        return {**JSON_HEADERS, "api-key": key.reveal()}


class AzureRunner(HttpRunner):
    """One deployment. What begins a stream and says nothing is held back."""

    def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the answer, from its first word on."""
        return held(super().send(call))


class Azure:
    """An Azure OpenAI resource: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)
        self._api = AzureApi(config, WRITTEN)

    def open(self, version: ModelVersion) -> HttpRunner:
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be sent, and Unavailable if the
        key is not where its reference says.
        """
        checked(WRITTEN, version)
        self.pool.resolve()
        return AzureRunner(self.pool, self._api, version)

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()
