"""A folder of files as rows: path, digest and size of each, in the order of paths."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roadbed.core.digest import digest_stream
from roadbed.core.errors import Invalid
from roadbed.ports.tables import Stream

COLUMNS = ("path", "digest", "bytes")
KEY = ("path",)
_BATCH = 50_000
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder, of which all files are meant: images, texts, recordings."""

    folder: Path


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file of a tree: its path below the folder, with `/`, and what is in it."""

    path: str
    digest: str
    bytes: int


def walk(folder: Path) -> list[File]:
    """Return all files below *folder*, in the order of their paths.

    Raises Invalid for anything but folders and plain files with names that every
    system can hold: links, devices, bytes that are no text, control characters, and
    two names that are one name where case or accents are written otherwise.
    """
    if not folder.is_dir() or folder.is_symlink():
        raise Invalid(f"{folder.name!r} is no folder", hint="give a folder of files")
    paths = sorted(_paths(folder, ""))
    if not paths:
        raise Invalid(f"the folder {folder.name!r} holds no file")
    seen: dict[str, str] = {}
    for path in paths:
        alike = unicodedata.normalize("NFC", path).casefold()
        if alike in seen:
            raise Invalid(
                f"{path!r} and {seen[alike]!r} are one name on some systems",
                hint="rename one of them",
            )
        seen[alike] = path
    return [_file(folder, path) for path in paths]


def rows(files: Iterable[File]) -> Stream:
    """Return *files* as the rows of a table."""
    return Stream(names=COLUMNS, batches=_batches(list(files)))


def pieces(file: Path) -> Iterator[bytes]:
    """Yield the bytes of *file*."""
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _batches(files: list[File]) -> Iterator[list[tuple[str, str, int]]]:
    for at in range(0, len(files), _BATCH):
        yield [(f.path, f.digest, f.bytes) for f in files[at : at + _BATCH]]


def _file(folder: Path, path: str) -> File:
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces(folder / path):
            size += len(piece)
            yield piece

    try:
        found = digest_stream(counted())
    except OSError as error:
        raise Invalid(f"{path!r} cannot be read: {error.strerror}") from None
    return File(path, found, size)


def _paths(folder: Path, below: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise Invalid(
            f"the folder {below or folder.name!r} cannot be read: {error.strerror}"
        ) from None
    for entry in entries:
        _check_name(entry.name, below)
        path = below + entry.name
        if entry.is_symlink():
            raise Invalid(
                f"{path!r} is a link",
                hint="a tree holds files themselves; copy what the link points to",
            )
        if entry.is_dir():
            yield from _paths(Path(entry.path), f"{path}/")
        elif entry.is_file():
            yield path
        else:
            raise Invalid(f"{path!r} is neither a file nor a folder")


def _check_name(name: str, below: str) -> None:
    odd = not name.isprintable() or "\\" in name
    if odd or name != name.strip():
        raise Invalid(
            f"{below + name!r} is no name that every system can hold",
            hint="use printable characters, no backslash, and no space at an end",
        )
