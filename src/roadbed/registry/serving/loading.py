"""A provider that loads trained versions from the blob store."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

from roadbed.core.errors import Invalid, NotFound, ProviderError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.registry.recognise import recognise
from roadbed.registry.serving.config import LocalConfig
from roadbed.registry.serving.runner import LocalRunner
from roadbed.registry.serving.session import Session

Open = Callable[[ModelVersion, bytes], Session]
"""Loads the artifact of a version; raises ProviderError if it cannot."""
UNSERVED = ("safetensors", "skops")
"""Formats that are kept and verified: weights without a graph, and named types."""
_NAMES = {"lightgbm": "LightGBM", "onnx": "ONNX", "xgboost": "XGBoost"}


def unfit(definition: Mapping[str, object], wanted: str) -> str | None:
    """Return why *definition* is not of the format *wanted*, None if it may be.

    A model that is only declared has no format yet: its versions will say theirs.
    """
    trained = definition.get("trained")
    named = _NAMES.get(wanted, wanted)
    found = trained.get("format", wanted) if isinstance(trained, Mapping) else None
    if found == wanted:
        return None
    if found in UNSERVED:
        return (
            f"it is a {found} file, which no provider runs: it can be registered and "
            "verified, and not served"
        )
    return f"it is no trained model in the {named} format; name a provider that runs it"


class LocalProvider:
    """Computes models of one format in this process; versions share a few threads."""

    def __init__(
        self, wanted: str, open_session: Open, config: LocalConfig, blobs: Blobs
    ) -> None:
        self._format = wanted
        self._open = open_session
        self._config = config
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(config.workers, thread_name_prefix=wanted)

    def open(self, version: ModelVersion) -> LocalRunner:
        """Load *version* and warm it up.

        Its bytes are checked against the digest it was registered with, and must be
        what their format says. Raises Corrupt, or ProviderError if the version
        cannot be run here.
        """
        session = self._open(version, self._artifact(version))
        runner = LocalRunner(session, version.body, self._config, self._pool)
        runner.warm_up()
        return runner

    async def close(self) -> None:
        """Let the threads end; calls under way have ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _artifact(self, version: ModelVersion) -> bytes:
        if reason := unfit(version.definition, self._format):
            raise ProviderError(f"{version}: {reason}")
        digest = str(version.body.get("artifact", ""))
        try:
            artifact = b"".join(self._blobs.get(digest))
            found = recognise(BytesIO(artifact))
        except (NotFound, Invalid) as error:
            raise ProviderError(
                f"{version} cannot be loaded: {error.message}", hint=error.hint
            ) from None
        if found != self._format:
            raise ProviderError(
                f"{version} was registered as {self._format}, but its file is {found}"
            )
        return artifact
