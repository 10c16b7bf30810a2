"""Loads trained model versions from the blob store."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from roadbed.adapters.providers.onnx.config import Config
from roadbed.adapters.providers.onnx.runner import OnnxRunner
from roadbed.adapters.providers.onnx.session import open_session
from roadbed.core.errors import Invalid, NotFound, ProviderError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.registry.artifact import has_external_data


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is not for this runtime, or None if it may be.

    A model that is only declared has no format yet: its versions will say theirs.
    """
    trained = definition.get("trained")
    if trained is None or trained.get("format", "onnx") != "onnx":
        return "it is no trained model in the ONNX format; name a provider that runs it"
    return None


class Onnx:
    """Runs ONNX models in this process; all versions share a few threads."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        self._config = config
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(config.workers, thread_name_prefix="onnx")

    def open(self, version: ModelVersion) -> OnnxRunner:
        """Load *version* and warm it up.

        Its bytes are checked against the digest it was registered with, and a
        model that refers to bytes outside itself is refused. Raises Corrupt, or
        ProviderError if the version cannot be run here.
        """
        session = open_session(self._artifact(version))
        _check_names(version, session)
        runner = OnnxRunner(session, version.body, self._config, self._pool)
        runner.warm_up()
        return runner

    async def close(self) -> None:
        """Let the threads end; calls under way have ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _artifact(self, version: ModelVersion) -> bytes:
        if reason := unfit(self._config, version.definition):
            raise ProviderError(f"{version}: {reason}")
        try:
            artifact = b"".join(self._blobs.get(version.body.get("artifact", "")))
            outside = has_external_data(artifact)
        except (NotFound, Invalid) as error:
            raise ProviderError(
                f"{version} cannot be loaded: {error.message}", hint=error.hint
            ) from None
        if outside:
            raise ProviderError(
                f"{version} refers to weights outside its file, which no digest covers",
                hint="export the model with its weights inside",
            )
        return artifact


def _check_names(version: ModelVersion, session: Any) -> None:
    """Raise ProviderError unless the file has the inputs and outputs registered."""
    signature: Mapping[str, Any] = version.body["signature"]
    for kind, nodes in (
        ("inputs", session.get_inputs()),
        ("outputs", session.get_outputs()),
    ):
        have = [node.name for node in nodes]
        said = [spec["name"] for spec in signature[kind]]
        if have != said:
            raise ProviderError(
                f"{version} was registered with the {kind} {', '.join(said)}, "
                f"but its file has {', '.join(have)}",
                hint="register the model again",
            )
