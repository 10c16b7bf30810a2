"""One line about what is being done, for people at a terminal and for nobody else."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_CLEAR = "\r\x1b[2K"


class Progress:
    """Writes to *stream* (standard error, if none is given) if it is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show *text* while the block runs, and how long it took once it is done."""
        start = time.monotonic()
        self._write(f"{text} …")
        try:
            yield
        except BaseException:
            self._write(_CLEAR)
            raise
        self._write(f"{_CLEAR}{text} ({time.monotonic() - start:.1f} s)\n")

    def _write(self, text: str) -> None:
        stream = self._stream or sys.stderr
        if stream.isatty():
            stream.write(text)
            stream.flush()
