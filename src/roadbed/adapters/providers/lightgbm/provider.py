"""Loads boosters of LightGBM from the blob store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadbed.adapters.providers.lightgbm.config import Config
from roadbed.core.errors import ProviderError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.registry.serving import loading
from roadbed.registry.serving.booster import BoosterSession
from roadbed.registry.serving.outputs import classes_in

FORMAT, PLATFORM = "lightgbm", "lightgbm_text"


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is not for this runtime, or None if it may be."""
    return loading.unfit(definition, FORMAT)


class Lightgbm(loading.LocalProvider):
    """Runs LightGBM models in this process; all versions share a few threads."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        runtime = loading.Runtime(format=FORMAT, open=_opened, needs=needs)
        super().__init__(runtime, config, blobs)


def needs(artifact: Path) -> int:
    """Return how many bytes of memory loading takes at its most: 2.7 times the file."""
    return 3 * artifact.stat().st_size


def _opened(version: ModelVersion, artifact: Path) -> BoosterSession:
    try:
        from lightgbm import Booster
        from lightgbm.basic import LightGBMError
    except ImportError:
        raise ProviderError(
            "running LightGBM models needs lightgbm, which is not installed",
            hint="install Roadbed with its extra `lightgbm`",
        ) from None
    try:
        booster = Booster(model_file=artifact)
    except LightGBMError as error:
        raise _failed(error) from None

    def predict(rows: Any) -> Any:
        try:
            return booster.predict(rows, num_threads=1)
        except (LightGBMError, ValueError) as error:
            raise _failed(error) from None

    return BoosterSession(PLATFORM, predict, classes_in(version.body))


def _failed(error: Exception) -> ProviderError:
    reason = str(error).strip().partition("\n")[0][:300]
    return ProviderError(f"LightGBM failed: {reason}")
