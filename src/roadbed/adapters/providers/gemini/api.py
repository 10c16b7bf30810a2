"""The provider: where Gemini's models are, and how the key is shown there."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from roadbed.adapters.providers.gemini.config import Config
from roadbed.core.errors import ProviderError
from roadbed.core.secret import Secret
from roadbed.dialects.base import Written
from roadbed.dialects.failures import retry_after_s
from roadbed.dialects.gemini import BY_BUDGET, WRITTEN
from roadbed.dialects.gemini.errors import error_in, refused
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.pool import Pool
from roadbed.transport.question import checked
from roadbed.transport.runner import JSON_HEADERS, Api, HttpRunner

_OLDER = re.compile(r"^(models/)?gemini-[12]\.")


class GeminiApi(Api):
    """Gemini's API. The model stands in the address, and the key never does."""

    platform = "gemini"
    names_model = False

    def __init__(self, config: Config, written: Written) -> None:
        super().__init__(config, written)
        self._models = f"{config.base_url}/{config.api_version}"

    def address(self, model: str, written: Written, *, stream: bool) -> str:
        """Return the address of the model's method."""
        path = quote(model if "/" in model else f"models/{model}")
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"{self._models}/{path}:{method}"

    def headers(self, key: Secret | None, url: str, body: bytes) -> dict[str, str]:
        """Return the headers, our key in one of them."""
        shown = {} if key is None else {"x-goog-api-key": key.reveal()}
        return {**JSON_HEADERS, **shown}

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, key: Secret | None
    ) -> ProviderError:
        """Return the error for an answer of *status*, in Google's words."""
        error = error_in(body)
        if error is None:
            return super().refusal(status, headers, body, key)
        wait_s = retry_after_s(headers, datetime.now(UTC))
        return refused(error, key, status, wait_s)


class Gemini:
    """The Gemini API: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)

    def open(self, version: ModelVersion) -> HttpRunner:
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be sent, and Unavailable if the
        key is not where its reference says.
        """
        checked(WRITTEN, version)
        self.pool.resolve()
        older = _OLDER.match(str(version.body["upstream"]))
        api = GeminiApi(self.config, BY_BUDGET if older else WRITTEN)
        return HttpRunner(self.pool, api, version)

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()
