"""Keeps the files of tree versions, and gives them back."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.data.packs import (
    Packer,
    Place,
    Reader,
    as_columns,
    as_places,
    problems,
)
from roadbed.data.sources import Tell
from roadbed.data.tree import File, pieces
from roadbed.data.version import DatasetVersion
from roadbed.ports.blobs import Blobs
from roadbed.ports.tables import Tables


class Trees:
    """The files of trees: small ones in packs, each content once over all versions."""

    def __init__(self, blobs: Blobs, tables: Tables) -> None:
        self._blobs = blobs
        self._tables = tables

    def keep(
        self,
        folder: Path,
        files: Iterable[File],
        before: DatasetVersion | None,
        tell: Callable[[int], None],
    ) -> dict[str, Any]:
        """Keep what the version *before* has not, and return where everything is."""
        files = list(files)
        wanted = {file.digest for file in files}
        known = self._sound(self.places(before), wanted) if before else {}
        places = Packer(self._blobs, known).keep(folder, files, tell)
        with tempfile.TemporaryDirectory(prefix="roadbed-") as scratch:
            written = self._tables.write(as_columns(places), Path(scratch))
            kept = [self._blobs.put(pieces(part.file)) for part in written.parts]
        objects = sorted({place.object for place in places.values()})
        return {"places": kept, "objects": objects}

    def places(self, version: DatasetVersion) -> dict[str, Place]:
        """Return where each file of *version* is, by the digest of what is in it."""
        if not version.stored:
            return {}
        paths = [self._blobs.path(name) for name in version.stored["places"]]
        return as_places(self._tables.columns(paths))

    def files(self, version: DatasetVersion) -> list[File]:
        """Return the files of *version*, in the order of their paths."""
        paths = [self._blobs.path(item.digest) for item in version.objects]
        columns = self._tables.columns(paths)
        return [File(*row) for row in zip(*columns.values(), strict=True)]

    def export(self, version: DatasetVersion, folder: Path) -> list[Path]:
        """Write all files of *version* into the empty *folder*."""
        reader = Reader(self._blobs, self.places(version))
        files = self.files(version)
        return write_files(folder, ((f.path, reader.chunks(f)) for f in files))

    def problems(self, version: DatasetVersion, tell: Tell) -> Iterator[str]:
        """Read every file again and yield what is wrong, in words."""
        try:
            places = self.places(version)
        except (Corrupt, NotFound) as error:
            yield f"the index of its packs: {error.message}"
            return
        step = tell(f"reading the files of {version}", len(version.stored["objects"]))
        yield from problems(self._blobs, places, self.files(version), step)

    def _sound(self, places: Mapping[str, Place], wanted: set[str]) -> dict[str, Place]:
        """Return the *places* of *wanted* in objects that are what they were."""
        mine = {name: place for name, place in places.items() if name in wanted}
        sound = set()
        for name in {place.object for place in mine.values()}:
            try:
                self._blobs.path(name)
            except (Corrupt, NotFound):
                continue
            sound.add(name)
        return {name: place for name, place in mine.items() if place.object in sound}


def write_files(
    folder: Path, files: Iterable[tuple[str, Iterable[bytes]]]
) -> list[Path]:
    """Write *files*, each a path and its bytes, into *folder*, which must be empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid(
            f"{folder.name!r} is not empty", hint="name a folder that is not there yet"
        )
    root, written = folder.resolve(), []
    for path, chunks in files:
        target = (root / path).resolve()
        if not target.is_relative_to(root):
            raise Corrupt(f"{path!r} leads out of its tree")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as opened:
            opened.writelines(chunks)
        written.append(folder / path)
    return written
