"""A loaded model as a runner computes with it, whatever library it is of."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Options(Protocol):
    """One computation under way."""

    terminate: bool
    """Set it to end the computation early, where the library can."""


class Session(Protocol):
    """A loaded model. Raises ProviderError for whatever its library raises."""

    @property
    def platform(self) -> str:
        """How the Open Inference Protocol calls the format."""
        ...

    def options(self) -> Options:
        """Return options for one computation."""
        ...

    def run(
        self, names: Sequence[str], feeds: Mapping[str, Any], options: Options | None
    ) -> list[Any]:
        """Return the outputs called *names* for the inputs *feeds*, as arrays."""
        ...
