"""The pages' answers from the real rooms, for one viewer."""

from dataclasses import dataclass

from roadbed.access.visible import Viewer
from roadbed.console.custody import of_datasets, of_models, of_runs
from roadbed.console.custody.asked import (
    ChangesPage,
    ComparePage,
    DatasetDiffPage,
    DatasetPage,
    DatasetRow,
    DatasetVersionPage,
    ModelList,
    ModelPage,
    RunList,
    RunPage,
    VersionPage,
)
from roadbed.console.custody.filters import DiffFilter, ModelFilter, RunFilter
from roadbed.console.custody.rooms import Eyes, Rooms
from roadbed.control.proof.link import Verified
from roadbed.core.reference import VersionRef


@dataclass(frozen=True, slots=True)
class LiveCustody:
    """A `Custody` over the registry, the datasets and the runs of this line."""

    rooms: Rooms
    viewer: Viewer

    @property
    def _eyes(self) -> Eyes:
        return Eyes(self.rooms, self.viewer)

    def models(self, wanted: ModelFilter) -> ModelList:
        """Return one page of the models, by name."""
        return of_models.models(self._eyes, wanted)

    def model(self, name: str) -> ModelPage:
        """Return one model."""
        return of_models.model(self._eyes, name)

    def version(self, ref: VersionRef, now_us: int) -> VersionPage:
        """Return one version with its whole chain."""
        return of_models.version(self._eyes, ref, now_us)

    def verify(self, ref: VersionRef) -> Verified:
        """Hash all again that the version was made of."""
        return of_models.verify(self._eyes, ref)

    def model_changes(self, name: str, wanted: DiffFilter) -> ChangesPage:
        """Return what changed between two versions of a model."""
        return of_models.model_changes(self._eyes, name, wanted)

    def datasets(self) -> tuple[DatasetRow, ...]:
        """Return the datasets, by name."""
        return of_datasets.datasets(self._eyes)

    def dataset(self, name: str) -> DatasetPage:
        """Return one dataset."""
        return of_datasets.dataset(self._eyes, name)

    def dataset_version(self, ref: VersionRef) -> DatasetVersionPage:
        """Return one version of a dataset."""
        return of_datasets.dataset_version(self._eyes, ref)

    def dataset_diff(self, name: str, wanted: DiffFilter) -> DatasetDiffPage:
        """Return what changed between two versions of a dataset."""
        return of_datasets.dataset_diff(self._eyes, name, wanted)

    def runs(self, wanted: RunFilter, now_us: int) -> RunList:
        """Return one page of the runs that *wanted* describes."""
        return of_runs.runs(self._eyes, wanted, now_us)

    def run(self, run_id: str, now_us: int) -> RunPage:
        """Return one run."""
        return of_runs.run(self._eyes, run_id, now_us)

    def compare(
        self, run_ids: tuple[str, ...], now_us: int, *, changes: bool
    ) -> ComparePage:
        """Return runs side by side; of two also what changed, if that is wanted."""
        return of_runs.compare(self._eyes, run_ids, now_us, changes=changes)
