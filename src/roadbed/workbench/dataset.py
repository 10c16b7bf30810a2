"""One dataset of the project, to make versions of and to read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from roadbed.core.decision import Target
from roadbed.core.reference import VersionRef, parse
from roadbed.data.datasets import DatasetVersion
from roadbed.data.diff import DatasetDiff, diff
from roadbed.data.kinds import Dataset
from roadbed.data.making import source_of, wish_of
from roadbed.data.sources import Wish
from roadbed.workbench.current import note_read
from roadbed.workbench.tools import Tools
from roadbed.workbench.watch import unwatched


@dataclass(frozen=True, slots=True)
class DatasetHandle:
    """One dataset of the project, by name."""

    tools: Tools = field(repr=False)
    name: str

    def snapshot(
        self, source: Any = None, *, parents: Sequence[str] = (), run: str = ""
    ) -> DatasetVersion:
        """Return the version that holds the rows of *source*, made now if it is new.

        A source is a pandas frame, an Arrow table, a dict of columns, the path of a
        CSV, JSON Lines or Parquet file, or a folder of files; without one the query
        that the stack declares is asked. The same rows in the same order are the
        same version. *parents* are versions that it was made out of, such as
        `"tumors@1"`, and *run* is the id of the run that makes it. Raises Invalid if
        a check of the stack does not hold.
        """
        self._may("dataset.write")
        for parent in parents:
            name = parse(parent).name
            self.tools.allow("dataset.read", Target(kind="Dataset", name=name))
        spec = self._spec()
        now = self.tools.clock.now()
        wish = wish_of(spec, now, parents, run) if spec else Wish()
        given = source_of(spec, source, self.tools.resolve)
        with self.tools.progress.step(f"snapshot of {self.name}"), unwatched():
            return self.tools.datasets.snapshot(
                self.name, given, str(self.tools.actor), wish
            )

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

    def diff(
        self, left: int, right: int | None = None, *, key: Sequence[str] = ()
    ) -> DatasetDiff:
        """Return what changed from version *left* to *right*, the newest by default."""
        before, after = self.version(left), self.version(right)
        with self.tools.progress.step(f"comparing {before} and {after}"):
            return diff(self.tools.datasets, before, after, key)

    def _spec(self) -> Dataset | None:
        found = self.tools.declared("Dataset", self.name)
        content = getattr(found, "content", None)
        return Dataset.model_validate(content["spec"]) if content else None

    def _may(self, action: str) -> None:
        self.tools.allow(action, Target(kind="Dataset", name=self.name))
