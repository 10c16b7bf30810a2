"""Folders that a resource refers to, pinned to the bytes they hold now."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadbed.control.files import read_inside, real_path
from roadbed.core.digest import digest, digest_of
from roadbed.core.errors import Invalid

MAX_FILES = 10_000
MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a tree: its path inside the tree, and its bytes."""

    path: str
    digest: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A folder as it was declared, and everything in it, in the order of its paths."""

    path: str
    files: tuple[File, ...]

    def pin(self) -> dict[str, Any]:
        """Return the tree as plain JSON: path, digest, and each file's digest."""
        files = [
            {"path": f.path, "digest": f.digest, "bytes": len(f.data)}
            for f in self.files
        ]
        return {"path": self.path, "digest": digest_of(files), "files": files}


def pin_tree(root: Path, base: Path, path: str) -> Tree:
    """Read the folder *path*, as seen from *base*, with all its files.

    Files whose names begin with a dot are left out. Raises Invalid if it is no
    folder, is empty, is too large, holds what is no file, is hidden itself, or
    reaches outside of *root*.
    """
    folder = base / path
    if not real_path(folder).is_relative_to(real_path(root)):
        raise Invalid(
            f"{path!r} is outside of the stack's folder",
            hint="keep the documents in the same repository as the stack",
        )
    inside = real_path(folder).relative_to(real_path(root))
    if any(p.startswith(".") and not p.startswith("..") for p in inside.parts):
        raise Invalid(
            f"{path!r} is hidden: its name begins with a dot",
            hint="keep what is served where everybody sees it",
        )
    if not folder.is_dir():
        raise Invalid(f"there is no folder {path!r}", hint="seen from this file")
    files = tuple(_read(real_path(folder), path))
    if not files:
        raise Invalid(f"the folder {path!r} has no files")
    return Tree(path=path, files=files)


def _read(folder: Path, path: str) -> Iterator[File]:
    total = 0
    for count, file in enumerate(_files(folder, folder)):
        name = file.relative_to(folder).as_posix()
        data = _bytes(file, folder, MAX_BYTES - total)
        total += len(data)
        if count >= MAX_FILES or total > MAX_BYTES:
            raise Invalid(
                f"the folder {path!r} is too large",
                hint=f"up to {MAX_FILES} files and {MAX_BYTES // 2**20} MiB in all",
            )
        yield File(path=name, digest=digest(data), data=data)


def _bytes(file: Path, folder: Path, most: int) -> bytes:
    try:
        return read_inside(file, folder, most)
    except Invalid as error:
        name = file.relative_to(folder).as_posix()
        raise Invalid(f"{name!r} {error.message}", hint=error.hint) from None


def _files(folder: Path, root: Path) -> Iterator[Path]:
    for item in sorted(folder.iterdir(), key=lambda p: p.name):
        if item.name.startswith("."):
            continue
        if not item.name.isprintable():
            raise Invalid(f"the file name {item.name!a} is not printable text")
        leads_out = not real_path(item).is_relative_to(root)
        if item.is_symlink() and (leads_out or item.is_dir()):
            raise Invalid(
                f"{item.relative_to(root).as_posix()!r} is a link to elsewhere",
                hint="copy what it leads to",
            )
        if item.is_dir():
            yield from _files(item, root)
        else:
            yield item
