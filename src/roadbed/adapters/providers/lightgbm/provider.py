"""Loads boosters of LightGBM from the blob store."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from roadbed.adapters.providers.lightgbm.config import Config
from roadbed.core.errors import ProviderError
from roadbed.inference.snapshot import ModelVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.secrets import Secrets
from roadbed.registry.serving import loading
from roadbed.registry.serving.outputs import classes_in, outputs_of

FORMAT = "lightgbm"


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* is not for this runtime, or None if it may be."""
    return loading.unfit(definition, FORMAT)


class Lightgbm(loading.LocalProvider):
    """Runs LightGBM models in this process; all versions share a few threads."""

    def __init__(self, config: Config, blobs: Blobs, secrets: Secrets) -> None:
        super().__init__(FORMAT, _opened, config, blobs)


class LightgbmSession:
    """A booster, as a runner computes with it: in the calling thread alone."""

    platform = "lightgbm_text"

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
        from lightgbm.basic import LightGBMError

        try:
            scores = self._booster.predict(feeds["input"], num_threads=1)
        except (LightGBMError, ValueError) as error:
            raise _failed(error) from None
        found = outputs_of(scores, self._classes)
        return [found[name] for name in names]


def _opened(version: ModelVersion, artifact: bytes) -> LightgbmSession:
    try:
        from lightgbm import Booster
        from lightgbm.basic import LightGBMError
    except ImportError:
        raise ProviderError(
            "running LightGBM models needs lightgbm, which is not installed",
            hint="install Roadbed with its extra `lightgbm`",
        ) from None
    try:
        booster = Booster(model_str=artifact.decode())
    except (LightGBMError, UnicodeDecodeError) as error:
        raise _failed(error) from None
    return LightgbmSession(booster, classes_in(version.body))


def _failed(error: Exception) -> ProviderError:
    reason = str(error).strip().partition("\n")[0][:300]
    return ProviderError(f"LightGBM failed: {reason}")
