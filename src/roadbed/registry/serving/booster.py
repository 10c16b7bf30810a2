"""A loaded model of boosted trees, as a runner computes with it."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from roadbed.registry.serving.outputs import outputs_of

Predict = Callable[[Any], Any]
"""Returns the scores of an array of rows; raises ProviderError."""


class BoosterSession:
    """A booster behind *predict*: it computes in the calling thread alone.

    *platform* is what the Open Inference Protocol calls the format; without *classes*
    it is a regressor.
    """

    def __init__(
        self, platform: str, predict: Predict, classes: Sequence[str | int]
    ) -> None:
        self.platform = platform
        self._predict = predict
        self._classes = classes

    def options(self) -> Any:
        """Return options; a computation under way cannot be ended."""
        return SimpleNamespace(terminate=False)

    def run(
        self, names: Sequence[str], feeds: Mapping[str, Any], options: Any
    ) -> list[Any]:
        """Return the outputs called *names*; raise ProviderError."""
        found = outputs_of(self._predict(feeds["input"]), self._classes)
        return [found[name] for name in names]
