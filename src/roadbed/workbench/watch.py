"""Which files this process opened to read, so that an undeclared read is noticed.

Python tells of every `open` of its own. What a library opens in native code, as DuckDB
and Polars do, it does not tell of.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MOST = 20_000
_READS = ("r", "rb", "rt", "br", "tr", None)
_OPENED: dict[str, None] = {}
_HOOKED = threading.Event()
_THREAD = threading.local()
_SKIPPED = (".py", ".pyc", ".so", ".pth")


def begin() -> None:
    """Watch from now on. Python knows no end of it."""
    if not _HOOKED.is_set():
        _HOOKED.set()
        sys.addaudithook(_heard)


def opened() -> list[str]:
    """Return the paths that were opened to read, in order, each once."""
    return list(_OPENED)


@contextmanager
def unwatched() -> Iterator[None]:
    """Leave out what the block opens in this thread: Roadbed's own reading."""
    before = getattr(_THREAD, "own", False)
    _THREAD.own = True
    try:
        yield
    finally:
        _THREAD.own = before


def _heard(event: str, given: tuple[Any, ...]) -> None:
    if event != "open" or getattr(_THREAD, "own", False):
        return
    path, mode = given[0], given[1]
    if not isinstance(path, str) or mode not in _READS or path.endswith(_SKIPPED):
        return
    if len(_OPENED) < _MOST and not path.startswith(("/proc/", "/sys/", "/dev/")):
        _OPENED[path] = None
