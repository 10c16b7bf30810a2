"""Files that only their owner can read."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write *text* to *file*, readable by its owner only, whole or not at all."""
    write_private_bytes(file, (text + "\n").encode())


def write_private_bytes(file: Path, data: bytes) -> None:
    """Write *data* to *file*, readable by its owner only, whole or not at all."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
    temporary.replace(file)
