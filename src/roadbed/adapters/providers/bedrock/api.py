"""The provider: where a region's Bedrock is, and how requests to it are signed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from roadbed.adapters.providers.bedrock.config import Config
from roadbed.adapters.providers.bedrock.frames import STREAM_TYPE, BinaryFrames
from roadbed.adapters.providers.bedrock.signing import require_botocore, signed
from roadbed.core.errors import ProviderError
from roadbed.core.secret import Secret
from roadbed.dialects.base import Written
from roadbed.dialects.bedrock import WRITTEN
from roadbed.dialects.bedrock.errors import refused, status_of
from roadbed.dialects.failures import retry_after_s
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.pool import Pool
from roadbed.transport.question import checked
from roadbed.transport.runner import JSON_HEADERS, Api, HttpRunner


class BedrockApi(Api):
    """Converse in one region. The model stands in the address."""

    platform = "bedrock"
    stream_type = STREAM_TYPE
    names_model = False

    def __init__(self, config: Config) -> None:
        super().__init__(config, WRITTEN)
        self._region = config.region

    def address(self, model: str, written: Written, *, stream: bool) -> str:
        """Return the address of Converse, the model's colon written as `%3A`."""
        method = "converse-stream" if stream else "converse"
        return f"{self.config.base_url}/model/{quote(model, safe='')}/{method}"

    def headers(self, key: Secret | None, url: str, body: bytes) -> dict[str, str]:
        """Return the headers: a Bedrock key as it is, or the signature of a pair."""
        if key is None or len(key.parts) == 1:
            return super().headers(key, url, body)
        return signed(key, self._region, url, body, JSON_HEADERS)

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, key: Secret | None
    ) -> ProviderError:
        """Return the error for an answer of *status*, by its name if it has one."""
        name = headers.get("x-amzn-errortype", "")
        wait_s = retry_after_s(headers, datetime.now(UTC))
        return refused(status_of(name, status) if name else status, body, key, wait_s)

    def frames(self) -> BinaryFrames:
        """Return what cuts the binary stream."""
        return BinaryFrames()


class Bedrock:
    """One region's Bedrock: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)
        self._api = BedrockApi(config)

    def open(self, version: ModelVersion) -> HttpRunner:
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be sent, and Unavailable if a key
        is not where its reference says, or botocore is not installed.
        """
        checked(WRITTEN, version)
        require_botocore()
        self.pool.resolve()
        return HttpRunner(self.pool, self._api, version)

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()
