"""Loads boosters of XGBoost from the blob store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadbed.adapters.providers.xgboost.config import Config
from roadbed.core.errors import ProviderError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.registry.serving import loading
from roadbed.registry.serving.booster import BoosterSession
from roadbed.registry.serving.outputs import classes_in

FORMAT, PLATFORM = "xgboost", "xgboost_json"
_JSON, _BINARY = 12, 4


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is not for this runtime, or None if it may be."""
    return loading.unfit(definition, FORMAT)


class Xgboost(loading.LocalProvider):
    """Runs XGBoost models in this process; all versions share a few threads."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        runtime = loading.Runtime(format=FORMAT, open=_opened, needs=needs)
        super().__init__(runtime, config, blobs)


def needs(artifact: Path) -> int:
    """Return how many bytes of memory loading takes at its most.

    Measured were 10.8 times the file as JSON, and 2.8 times as binary JSON.
    """
    with artifact.open("rb") as file:
        binary = file.read(2) == b"{L"
    return (_BINARY if binary else _JSON) * artifact.stat().st_size


def _opened(version: ModelVersion, artifact: Path) -> BoosterSession:
    try:
        from xgboost import Booster
    except ImportError:
        raise ProviderError(
            "running XGBoost models needs xgboost, which is not installed",
            hint="install Roadbed with its extra `xgboost`",
        ) from None
    booster = Booster({"nthread": 1})
    try:
        booster.load_model(_bytes_of(artifact))
    except ValueError as error:  # XGBoostError is one.
        raise _failed(error) from None

    def predict(rows: Any) -> Any:
        try:
            return booster.inplace_predict(rows, validate_features=False)
        except ValueError as error:  # XGBoostError is one.
            raise _failed(error) from None

    return BoosterSession(PLATFORM, predict, classes_in(version.body))


def _bytes_of(artifact: Path) -> bytearray:
    """Return the file as the library takes it without a name that tells its format."""
    read = bytearray(artifact.stat().st_size)
    with artifact.open("rb") as file:
        file.readinto(read)
    return read


def _failed(error: Exception) -> ProviderError:
    reason = str(error).strip().rpartition("\n")[2][:300]
    return ProviderError(f"XGBoost failed: {reason}")
