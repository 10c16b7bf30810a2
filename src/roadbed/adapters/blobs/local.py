"""Blobs in a directory: each file's name is the digest of what is in it."""

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from uuid import uuid4

from roadbed.core.digest import PREFIX
from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.core.sync import sync

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PIECE = 1024 * 1024
_STALE_S = 86_400


class LocalBlobs:
    """Immutable bytes under *root*, as `sha256/ab/cd…`.

    A file appears under its name only when all of it is on the disk: it is
    written beside, flushed, renamed, and its directory flushed. What a killed
    process left behind is removed a day later.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._swept = False

    def put(self, chunks: Iterable[bytes]) -> str:
        """Keep the bytes and return their digest; a broken upload leaves nothing.

        The same bytes again take no more room, and mend a damaged copy.
        """
        draft = self._draft()
        try:
            digest = _write(draft, chunks)
            final = self._file(digest)
            _make_directory(final.parent)
            draft.replace(final)
            sync(final.parent)
        finally:
            draft.unlink(missing_ok=True)
        return digest

    def get(self, digest: str) -> Iterator[bytes]:
        """Yield the bytes, all of them checked before the first is given out.

        Raises NotFound if they are not here, Corrupt if they are not what was put,
        Invalid if *digest* is no digest.
        """
        file = self._open(digest)
        try:
            _check(file, digest)
        except BaseException:
            file.close()
            raise
        return _pieces(file)

    def has(self, digest: str) -> bool:
        """Say whether the bytes are here, without reading them."""
        return self._file(digest).is_file()

    def path(self, digest: str) -> Path:
        """Return the file with the bytes, checked just now; raise as `get` does."""
        with self._open(digest) as file:
            _check(file, digest)
        return self._file(digest)

    def _file(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise Invalid(
                f"{digest!r} is not a digest",
                hint="a digest is sha256: and 64 hexadecimal digits",
            )
        name = digest.removeprefix(PREFIX)
        return self._root / "sha256" / name[:2] / name[2:]

    def _open(self, digest: str) -> BufferedReader:
        try:
            return self._file(digest).open("rb")
        except FileNotFoundError:
            raise NotFound(
                f"there is no blob {digest}",
                hint="it was never stored here, or its file was removed",
            ) from None

    def _draft(self) -> Path:
        drafts = self._root / "drafts"
        _make_directory(drafts)
        if not self._swept:
            _sweep(drafts, time.time() - _STALE_S)
            self._swept = True
        return drafts / uuid4().hex


def _write(draft: Path, chunks: Iterable[bytes]) -> str:
    running = hashlib.sha256()
    with draft.open("xb") as file:
        for chunk in chunks:
            running.update(chunk)
            file.write(chunk)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
    return PREFIX + running.hexdigest()


def _check(file: BufferedReader, digest: str) -> None:
    found = PREFIX + hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    if found != digest:
        raise Corrupt(
            f"blob {digest} is damaged: its bytes have the digest {found}",
            hint="store the same bytes again, or restore the file from a backup",
        )


def _pieces(file: BufferedReader) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _make_directory(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_directory(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def _sweep(drafts: Path, before: float) -> None:
    for draft in drafts.iterdir():
        try:
            if draft.stat().st_mtime < before:
                draft.unlink()
        except FileNotFoundError:
            continue  # Another process swept it first.
