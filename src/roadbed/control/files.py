"""Reads what stands in a folder, and nothing that only seems to stand there."""

import os
import stat
from pathlib import Path

from roadbed.core.errors import Invalid

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def read_inside(path: Path, root: Path, most: int) -> bytes:
    """Return the bytes of the file *path* of the folder *root*, *most* + 1 at most.

    One byte more than *most* says that the file is too large. Raises Invalid for a
    link that leads out of *root* and for what is no regular file: a pipe would be
    waited for without end, and a device is read for what it does. Raises OSError
    if it cannot be read.
    """
    real = real_path(path)
    if not real.is_relative_to(real_path(root)):
        raise Invalid("is a link to elsewhere", hint="copy what it leads to")
    _require_regular(real.stat())
    with os.fdopen(os.open(real, _OPEN), "rb") as file:
        _require_regular(os.fstat(file.fileno()))
        return file.read(most + 1)


def real_path(path: Path) -> Path:
    """Return *path* without links; what leads in a circle or nowhere stays as it is."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # No file can have this name.
        return path


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Invalid("is no regular file", hint="keep only files in this folder")
