"""What must be on the disk before anything else is said."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Return when the disk holds the file *path*, or the names in the folder *path*."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
