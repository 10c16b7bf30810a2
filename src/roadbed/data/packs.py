"""Where the bytes of a tree's files are: small ones in packs, large ones alone.

One object for each tiny file would be slow to write, to check and to copy. A pack is
16 MB of small files one after another. What an earlier version has is not kept again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadbed.core.digest import digest
from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.data.tree import File, pieces
from roadbed.ports.blobs import Blobs

PACKED = 1024 * 1024
"""A file of at most so many bytes goes into a pack."""
PACK = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is: in which object, and from which byte on."""

    object: str
    start: int = 0


@dataclass(slots=True)
class Packer:
    """Keeps files in *blobs*, unless *places* says that they are there."""

    blobs: Blobs
    places: dict[str, Place] = field(default_factory=dict)
    _waiting: list[tuple[str, bytes]] = field(default_factory=list)
    _bytes: int = 0

    def keep(
        self, folder: Path, files: Iterable[File], tell: Callable[[int], None]
    ) -> dict[str, Place]:
        """Keep *files* of *folder* and return where each digest is.

        Raises Invalid if a file is not what it was when its digest was taken.
        """
        wanted = {}
        for file in files:
            if file.digest not in self.places and file.digest not in wanted:
                self._take(folder, file)
            wanted[file.digest] = True
            tell(1)
        self._flush()
        return {name: self.places[name] for name in wanted}

    def _take(self, folder: Path, file: File) -> None:
        try:
            if file.bytes > PACKED:
                found = self.blobs.put(pieces(folder / file.path))
                self.places[found] = Place(found)
            else:
                data = (folder / file.path).read_bytes()
                found = digest(data)
                self._waiting.append((found, data))
                self._bytes += len(data)
        except OSError as error:
            raise Invalid(f"{file.path!r} cannot be read: {error.strerror}") from None
        if found != file.digest:
            raise Invalid(
                f"{file.path!r} changed while it was read",
                hint="try again when nobody writes into the folder",
            )
        if self._bytes >= PACK:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        pack = self.blobs.put(data for _, data in self._waiting)
        start = 0
        for name, data in self._waiting:
            self.places[name] = Place(pack, start)
            start += len(data)
        self._waiting, self._bytes = [], 0


class Reader:
    """Reads files out of packs and objects, each checked before it is given out."""

    def __init__(self, blobs: Blobs, places: Mapping[str, Place]) -> None:
        self._blobs = blobs
        self._places = places
        self._checked: dict[str, Path] = {}

    def chunks(self, file: File) -> Iterator[bytes]:
        """Yield the bytes of *file*; raise Corrupt if they are not what was kept."""
        place = self._places.get(file.digest)
        if place is None:
            raise Corrupt(f"nothing says where {file.path!r} is kept")
        if place.object not in self._checked:
            self._checked[place.object] = self._blobs.path(place.object)
        path = self._checked[place.object]
        if place.object == file.digest and file.bytes > PACKED:
            yield from pieces(path)
            return
        with path.open("rb") as opened:
            opened.seek(place.start)
            data = opened.read(file.bytes)
        if digest(data) != file.digest:
            raise Corrupt(
                f"{file.path!r} is not where its version says it is kept",
                hint="restore the object store from a backup",
            )
        yield data


def problems(
    blobs: Blobs,
    places: Mapping[str, Place],
    files: Iterable[File],
    tell: Callable[[int], None],
) -> Iterator[str]:
    """Read every file of a tree again; yield which objects, or files, are wrong."""
    held: dict[str, list[File]] = {}
    for file in files:
        place = places.get(file.digest)
        held.setdefault(place.object if place else "", []).append(file)
    reader = Reader(blobs, places)
    for name in sorted(held):
        yield from _problems(blobs, reader, name, held[name])
        tell(1)


def _problems(
    blobs: Blobs, reader: Reader, name: str, files: list[File]
) -> Iterator[str]:
    if name:
        what = f"the pack of {len(files)} files" if len(files) > 1 else "the object"
        about = f"{what}, such as {files[0].path!r} ({name}),"
        try:
            blobs.path(name)
        except NotFound:
            yield f"{about} is missing"
            return
        except Corrupt:
            yield f"{about} is damaged"
            return
    for file in files:
        try:
            for _ in reader.chunks(file):
                continue
        except Corrupt as error:
            yield error.message


def as_columns(places: Mapping[str, Place]) -> dict[str, list[Any]]:
    """Return *places* as the columns of a table, in the order of digests."""
    ordered = sorted(places.items())
    return {
        "digest": [name for name, _ in ordered],
        "object": [place.object for _, place in ordered],
        "start": [place.start for _, place in ordered],
    }


def as_places(columns: Mapping[str, list[Any]]) -> dict[str, Place]:
    """Return what `as_columns` made a table of."""
    names, objects, starts = (columns[n] for n in ("digest", "object", "start"))
    return {n: Place(o, s) for n, o, s in zip(names, objects, starts, strict=True)}
