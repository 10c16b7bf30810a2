"""One model of an inference server, at one version."""

from collections.abc import AsyncGenerator
from typing import Any

from roadbed.adapters.providers.oip.config import Config, read_upstream, unfit
from roadbed.core.errors import Invalid
from roadbed.core.secret import Secret
from roadbed.dialects.oip import LENGTH
from roadbed.dialects.oip.parse_answer import read
from roadbed.dialects.oip.write_request import write
from roadbed.inference.call import Call, Chunk, TensorRequest
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.trace import traced
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.transport.limits import Limits
from roadbed.transport.pool import Pool
from roadbed.transport.runner import JSON_HEADERS, Api, HttpRunner

_BINARY = "application/octet-stream"


class OipApi(Api):
    """An inference server: it speaks one dialect, and holds no conversations."""

    platform = "oip"
    names_model = False

    def __init__(self, config: Config) -> None:
        self.config, self.written = config, {}


class OipRunner(HttpRunner):
    """Puts tensors to one version of a model, and gives back tensors."""

    def __init__(self, pool: Pool, config: Config, version: ModelVersion) -> None:
        self._pool = pool
        self._api = OipApi(config)
        self._config = config
        self._pinned = dict(version.body.get("parameters") or {})
        self._upstream = str(version.body["upstream"])
        named = read_upstream(self._upstream)
        assert named is not None
        place = f"/versions/{named.version}" if named.version else ""
        self._url = f"{config.base_url}/v2/models/{named.model}{place}/infer"

    def metadata(self) -> dict[str, Any]:
        """Return the platform, the upstream id and where it is."""
        return {
            "platform": self._api.platform,
            "upstream": self._upstream,
            "base_url": self._config.base_url,
        }

    async def send(self, call: Call) -> AsyncGenerator[Chunk]:
        """Yield the one chunk of the answer."""
        request = call.request
        if not isinstance(request, TensorRequest):
            raise Invalid(
                "this model takes tensors", hint="ask it at /v2/models/…/infer"
            )
        body, json_length = write(request, self._pinned, binary=self._config.binary)
        limits = Limits(call, self._config)

        def headers(key: Secret | None) -> dict[str, str]:
            return {**_headers(key, json_length), **traced(call)}

        key, response = await self._pool.post(self._url, body, headers, limits)
        try:
            await self._refuse_failure(response, limits, key)
            data = await self._body(response, limits)
            answered = read(data, response.headers.get(LENGTH, ""))
        finally:
            response.release()
        yield Chunk(tensors=answered.tensors, served=answered.served, finish="stop")


class Oip:
    """An inference server: one pool of connections for all its versions."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self.config = config
        self.pool = Pool(config, secrets)

    def open(self, version: ModelVersion) -> OipRunner:
        """Return a runner of *version*, without a word to the network.

        Raises Invalid for a definition that cannot be served, and Unavailable if the
        key is not where its reference says.
        """
        if reason := unfit(self.config, version.definition):
            raise Invalid(f"{version}: {reason}")
        self.pool.resolve()
        return OipRunner(self.pool, self.config, version)

    async def close(self) -> None:
        """Close the connections; a call after that is Unavailable."""
        await self.pool.close()


def _headers(key: Secret | None, json_length: str) -> dict[str, str]:
    sent = dict(JSON_HEADERS)
    if json_length:
        sent |= {LENGTH: json_length, "Content-Type": _BINARY}
    if key is not None:
        sent["Authorization"] = f"Bearer {key.reveal()}"
    return sent
