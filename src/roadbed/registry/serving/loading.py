"""A provider that loads trained versions from the blob store."""

import errno
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roadbed.core import memory
from roadbed.core.errors import Invalid, NotFound, ProviderError, RoadbedError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.registry.recognise import recognise
from roadbed.registry.serving.config import LocalConfig
from roadbed.registry.serving.runner import LocalRunner
from roadbed.registry.serving.session import Session

Open = Callable[[ModelVersion, Path], Session]
"""Loads a version from its file; raises ProviderError if it cannot."""
RESERVE = 64 * 1024 * 1024
"""Bytes that loading leaves to the calls under way."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A library that computes models of one format.

    `needs` returns how many bytes of memory loading a file takes at its most. It gets
    a path, as `open` does: bytes in Python would be one more copy of a large model.
    """

    format: str
    open: Open
    needs: Callable[[Path], int]


class LocalProvider:
    """Computes models of one format in this process; versions share a few threads."""

    def __init__(self, runtime: Runtime, config: LocalConfig, blobs: Blobs) -> None:
        self._runtime = runtime
        self._config = config
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(
            config.workers, thread_name_prefix=runtime.format
        )

    def open(self, version: ModelVersion) -> LocalRunner:
        """Load *version* and warm it up.

        Its bytes are checked against the digest it was registered with, and must be
        what their format says. Raises Corrupt, or ProviderError if the version
        cannot be run here, or not in the memory that is free.
        """
        with _enough_memory(version):
            artifact = self._artifact(version)
            self._check_memory(version, artifact)
            session = self._runtime.open(version, artifact)
            runner = LocalRunner(session, version.body, self._config, self._pool)
            self._warm_up(version, runner)
            return runner

    async def close(self) -> None:
        """Let the threads end; calls under way have ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _artifact(self, version: ModelVersion) -> Path:
        wanted = self._runtime.format
        if reason := unfit(version.definition, wanted):
            raise ProviderError(f"{version}: {reason}")
        digest = str(version.body.get("artifact", ""))
        try:
            artifact = self._blobs.path(digest)
            with artifact.open("rb") as file:
                found = recognise(file)
        except (NotFound, Invalid) as error:
            raise ProviderError(
                f"{version} cannot be loaded: {error.message}", hint=error.hint
            ) from None
        if found != wanted:
            raise ProviderError(
                f"{version} was registered as {wanted}, but its file is {found}"
            )
        return artifact

    def _check_memory(self, version: ModelVersion, artifact: Path) -> None:
        """Raise ProviderError if loading would take more memory than is free."""
        free = memory.available() if self._config.check_memory else None
        if free is None:
            return
        needed = self._runtime.needs(artifact)
        if needed + RESERVE > free:
            raise _too_large(version, needed, free)

    def _warm_up(self, version: ModelVersion, runner: LocalRunner) -> None:
        """Let *runner* answer before it is called; raise ProviderError if it cannot."""
        try:
            runner.warm_up()
        except RoadbedError as error:
            raise ProviderError(
                f"{version} was loaded, and does not answer a first row: "
                f"{error.message}",
                hint=error.hint or "register a version that answers its own sample",
            ) from None


@contextmanager
def _enough_memory(version: ModelVersion) -> Iterator[None]:
    """Turn what a lack of memory raises into ProviderError."""
    try:
        yield
    except MemoryError:
        raise _too_large(version) from None
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise _too_large(version) from None


def _too_large(version: ModelVersion, needed: int = 0, free: int = 0) -> ProviderError:
    figures = (
        f"loading it takes up to {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB of "
        f"memory are free (of which {RESERVE / 1e6:,.0f} MB stay so)"
    )
    return ProviderError(
        f"{version} was not loaded: "
        + (figures if needed else "there was not enough memory for it"),
        hint="give the server more memory, or let go of versions that it still serves",
    )
