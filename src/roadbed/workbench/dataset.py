"""One dataset of the project, to make versions of and to read."""

from dataclasses import dataclass, field
from typing import Any

from roadbed.core.decision import Target
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import DatasetVersion
from roadbed.workbench.tools import Tools


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
        with self.tools.progress.step(f"snapshot of {self.name}"):
            return self.tools.datasets.snapshot(
                self.name, source, str(self.tools.actor)
            )

    def versions(self) -> list[DatasetVersion]:
        """Return all versions, newest first."""
        self._may("dataset.read")
        return self.tools.datasets.list(self.name)

    def version(self, number: int | None = None) -> DatasetVersion:
        """Return the version with this *number*, or the newest; raise NotFound."""
        self._may("dataset.read")
        if number is None:
            return self.tools.datasets.newest(self.name)
        return self.tools.datasets.get(VersionRef(self.name, number))

    def frame(self, number: int | None = None) -> Any:
        """Return the rows of a version, the newest if none is named, as a frame."""
        version = self.version(number)
        with self.tools.progress.step(f"reading {version}"):
            return self.tools.datasets.frame(version)

    def verify(self, number: int | None = None) -> DatasetVersion:
        """Hash every object of a version again; raise Corrupt naming what is wrong."""
        version = self.version(number)
        with self.tools.progress.step(f"verifying {version}"):
            return self.tools.datasets.verify(VersionRef(version.name, version.number))

    def _may(self, action: str) -> None:
        self.tools.allow(action, Target(kind="Dataset", name=self.name))
