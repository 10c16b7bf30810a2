"""Loads boosters of XGBoost from the blob store."""

from collections.abc import Mapping
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


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is not for this runtime, or None if it may be."""
    return loading.unfit(definition, FORMAT)


class Xgboost(loading.LocalProvider):
    """Runs XGBoost models in this process; all versions share a few threads."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        super().__init__(FORMAT, _opened, config, blobs)


def _opened(version: ModelVersion, artifact: bytes) -> BoosterSession:
    try:
        from xgboost import Booster
    except ImportError:
        raise ProviderError(
            "running XGBoost models needs xgboost, which is not installed",
            hint="install Roadbed with its extra `xgboost`",
        ) from None
    booster = Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(artifact))
    except ValueError as error:  # XGBoostError is one.
        raise _failed(error) from None

    def predict(rows: Any) -> Any:
        try:
            return booster.inplace_predict(rows, validate_features=False)
        except ValueError as error:  # XGBoostError is one.
            raise _failed(error) from None

    return BoosterSession(PLATFORM, predict, classes_in(version.body))


def _failed(error: Exception) -> ProviderError:
    reason = str(error).strip().rpartition("\n")[2][:300]
    return ProviderError(f"XGBoost failed: {reason}")
