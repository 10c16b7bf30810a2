"""One dataset of the project, to make versions of and to read."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadbed.core.decision import Target
from roadbed.core.digest import PREFIX
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import DatasetVersion
from roadbed.data.origins import note
from roadbed.workbench.current import note_read
from roadbed.workbench.tools import Tools
from roadbed.workbench.watch import unwatched


@dataclass(frozen=True, slots=True)
class DatasetHandle:
    """One dataset of the project, by name."""

    tools: Tools = field(repr=False)
    name: str

    def snapshot(self, source: Any) -> DatasetVersion:
        """Return the version that holds the rows of *source*, made now if it is new.

        A source is a pandas frame, a dict of columns, or the path of a CSV or
        Parquet file. The same rows in the same order are the same version.
        """
        self._may("dataset.write")
        self.tools.declared("Dataset", self.name)
        with self.tools.progress.step(f"snapshot of {self.name}"), unwatched():
            made = self.tools.datasets.snapshot(
                self.name, source, str(self.tools.actor)
            )
            self._note_file(source, made)
        return made

    def versions(self) -> list[DatasetVersion]:
        """Return all versions, newest first."""
        self._may("dataset.read")
        return self.tools.datasets.list(self.name)

    def version(self, number: int | None = None) -> DatasetVersion:
        """Return the version with this *number*, or the newest; raise NotFound."""
        self._may("dataset.read")
        number = self.tools.pins.get(self.name, number)
        if number is None:
            return self.tools.datasets.newest(self.name)
        return self.tools.datasets.get(VersionRef(self.name, number))

    def frame(self, number: int | None = None) -> Any:
        """Return the rows of a version, the newest if none is named, as a frame.

        A run that is open in this process takes note of it.
        """
        version = self.version(number)
        with self.tools.progress.step(f"reading {version}"), unwatched():
            rows = self.tools.datasets.frame(version)
        note_read(version)
        return rows

    def verify(self, number: int | None = None) -> DatasetVersion:
        """Hash every object of a version again; raise Corrupt naming what is wrong."""
        version = self.version(number)
        with self.tools.progress.step(f"verifying {version}"):
            return self.tools.datasets.verify(VersionRef(version.name, version.number))

    def _note_file(self, source: Any, made: DatasetVersion) -> None:
        """Remember the bytes of the file that a version was made of, if it was one."""
        if not isinstance(source, str | Path) or not Path(source).is_file():
            return
        with Path(source).open("rb") as file:
            digest = PREFIX + hashlib.file_digest(file, "sha256").hexdigest()
        size = Path(source).stat().st_size
        with self.tools.database.write() as connection:
            note(connection, VersionRef(made.name, made.number), digest, size)

    def _may(self, action: str) -> None:
        self.tools.allow(action, Target(kind="Dataset", name=self.name))
