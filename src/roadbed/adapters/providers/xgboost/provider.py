"""Loads boosters of XGBoost from the blob store."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from roadbed.adapters.providers.xgboost.config import Config
from roadbed.core.errors import ProviderError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.registry.serving import loading
from roadbed.registry.serving.outputs import classes_in, outputs_of

FORMAT = "xgboost"


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is not for this runtime, or None if it may be."""
    return loading.unfit(definition, FORMAT)


class Xgboost(loading.LocalProvider):
    """Runs XGBoost models in this process; all versions share a few threads."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        super().__init__(FORMAT, _opened, config, blobs)


class XgboostSession:
    """A booster, as a runner computes with it: in the calling thread alone."""

    platform = "xgboost_json"

    def __init__(self, booster: Any, classes: Sequence[str | int]) -> None:
        self._booster = booster
        self._classes = classes

    def options(self) -> Any:
        """Return options; a computation under way cannot be ended."""
        return SimpleNamespace(terminate=False)

    def run(
        self, names: Sequence[str], feeds: Mapping[str, Any], options: Any
    ) -> list[Any]:
        """Return the outputs called *names*; raise ProviderError."""
        try:
            scores = self._booster.inplace_predict(
                feeds["input"], validate_features=False
            )
        except ValueError as error:  # XGBoostError is one.
            raise _failed(error) from None
        found = outputs_of(scores, self._classes)
        return [found[name] for name in names]


def _opened(version: ModelVersion, artifact: bytes) -> XgboostSession:
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
    return XgboostSession(booster, classes_in(version.body))


def _failed(error: Exception) -> ProviderError:
    reason = str(error).strip().rpartition("\n")[2][:300]
    return ProviderError(f"XGBoost failed: {reason}")
