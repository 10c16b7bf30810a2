"""Progress of long work on a terminal: one bar for each thing that begins."""

from collections.abc import Callable
from types import TracebackType
from typing import Any


class Bars:
    """Shows a bar for what began last; what began before it is done by then."""

    def __init__(self) -> None:
        self._open: Any = None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def tell(self, label: str, total: int) -> Callable[[int], None]:
        """Begin *label*, which has *total* steps; return what is told of each."""
        from roadbed.cli._verify import bar

        self._close()
        opened = bar(total, label)
        self._open = opened
        return opened.__enter__().update

    def _close(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._open = None
