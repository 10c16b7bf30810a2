"""The copy of every checkpoint outside the database, where a rewrite does not reach.

A plain text file of signed notes, an empty line after each. Lines are only ever
added, and a note that was torn by a power cut stands apart from the next.
"""

import os
import re
from pathlib import Path

from roadbed.core.errors import NotReady
from roadbed.core.sync import sync

FILE = "checkpoints.txt"
_DASH = "\u2014 "
_TAIL_BYTES = 8192
_APART = re.compile("\n\n+(?!\u2014|\ufffd)")


def append_note(folder: Path, note: str) -> None:
    """Add *note* to the copy and return when the disk holds it.

    Raises NotReady if the folder cannot be written.
    """
    file = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, (_gap(handle) + note + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        sync(folder)
    except OSError as error:
        raise NotReady(
            f"a checkpoint cannot be copied to {file}: {error.strerror}",
            hint="make room or mend the permissions; nothing is signed meanwhile",
        ) from None


def read_notes(folder: Path) -> list[str]:
    """Return the notes in the copy, in the order in which they were added."""
    file = folder / FILE
    return split_notes(_decode(file.read_bytes())) if file.exists() else []


def read_copy(folder: Path) -> list[str]:
    """Return the notes in the copy, and after them whatever else stands in it.

    What else there is was torn by a crash or damaged; `notes.py` tells which.
    """
    file = folder / FILE
    if not file.exists():
        return []
    text = _decode(file.read_bytes())
    notes = split_notes(text)
    return [*notes, *_left_over(text, notes)]


def newest_note(folder: Path) -> str | None:
    """Return the note that was added last, reading only the end of the copy."""
    file = folder / FILE
    if not file.exists():
        return None
    with file.open("rb") as handle:
        handle.seek(max(0, file.stat().st_size - _TAIL_BYTES))
        notes = split_notes(_decode(handle.read()))
    return notes[-1] if notes else None


def split_notes(text: str) -> list[str]:
    """Return the signed notes in *text*; what has no signature below it is left out."""
    notes: list[str] = []
    body: list[str] = []
    signatures: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.startswith(_DASH) and body and not body[-1]:
            signatures.append(line)
            continue
        if signatures:
            notes.append("\n".join([*body, *signatures, ""]))
            body, signatures = [], []
        if line and body and not body[-1]:
            body = []
        if line or (body and body[-1]):
            body.append(line)
    return notes


def _left_over(text: str, notes: list[str]) -> list[str]:
    """Return the pieces of *text* that belong to none of its *notes*."""
    pieces, rest = [], text + "\n\n"
    for note in notes:
        before, found, after = rest.partition(note)
        if found:
            pieces.append(before)
            # Without its empty line, what follows was not appended by us: it keeps
            # a line break in front, which nothing torn has.
            rest = after[1:] if after.startswith("\n") else "\n" + after
    parts = [part for piece in (*pieces, rest) for part in _APART.split(piece)]
    return [part.rstrip("\n") for part in parts if part.strip("\n")]


def _gap(handle: int) -> str:
    """Return what keeps a torn end of the file apart from what follows it."""
    size = os.fstat(handle).st_size
    end = os.pread(handle, 2, max(0, size - 2))
    return "" if not size or end == b"\n\n" else "\n\n"


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")
