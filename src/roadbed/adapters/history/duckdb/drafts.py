"""Files beside a target, which are something only until the target has its name."""

import os
from collections.abc import Iterable
from glob import escape
from pathlib import Path

_MARK_BYTES = 8


def drafts_of(target: Path) -> tuple[Path, Path]:
    """Return where one attempt keeps its lines and writes its Parquet file."""
    name = f"{target.name}.{os.urandom(_MARK_BYTES).hex()}"
    return target.with_name(f"{name}.ndjson"), target.with_name(f"{name}.parquet")


def sweep(target: Path) -> None:
    """Remove what killed attempts left. Only for who alone writes *target*."""
    mark = "[0-9a-f]" * (2 * _MARK_BYTES)
    for left in target.parent.glob(f"{escape(target.name)}.{mark}.*"):
        left.unlink(missing_ok=True)


def spill(lines: Iterable[bytes], scratch: Path) -> int:
    """Write *lines* to *scratch* and return the length of the longest."""
    longest = 0
    with scratch.open("wb") as file:
        for line in lines:
            longest = max(longest, len(line))
            file.write(line)
            file.write(b"\n")
    return longest
