"""The pages' answers from the real rooms, for one viewer."""

from dataclasses import dataclass

from roadbed.access.visible import Viewer
from roadbed.console.assays import of_comparisons, of_evaluations, of_judges, of_reports
from roadbed.console.assays.asked import (
    ComparisonPage,
    EvaluationList,
    EvaluationPage,
    EvaluationRow,
    JudgesPage,
    ReportPage,
)
from roadbed.console.assays.filters import CaseFilter, Pair
from roadbed.console.custody.rooms import Eyes, Rooms


@dataclass(frozen=True, slots=True)
class LiveAssays:
    """`Assays` over the evaluations of this line."""

    rooms: Rooms
    viewer: Viewer

    @property
    def _eyes(self) -> Eyes:
        return Eyes(self.rooms, self.viewer)

    def evaluations(self, after: str, now_us: int) -> EvaluationList:
        """Return one page of the declared evaluations, by name."""
        return of_evaluations.evaluations(self._eyes, after, now_us)

    def evaluation(self, name: str, now_us: int) -> EvaluationPage:
        """Return one evaluation."""
        return of_evaluations.evaluation(self._eyes, name, now_us)

    def report(self, name: str, digest: str, wanted: CaseFilter) -> ReportPage:
        """Return one report of the evaluation called *name*."""
        return of_reports.report(self._eyes, name, digest, wanted)

    def compare(self, name: str, wanted: Pair) -> ComparisonPage:
        """Return how two reports of an evaluation differ."""
        return of_comparisons.compare(self._eyes, name, wanted)

    def judges(self, now_us: int) -> JudgesPage:
        """Return the judges that evaluations use, and their certificates."""
        return of_judges.judges(self._eyes, now_us)

    def of_endpoint(self, endpoint: str, now_us: int) -> tuple[EvaluationRow, ...]:
        """Return the evaluations of an endpoint."""
        return of_evaluations.of_endpoint(self._eyes, endpoint, now_us)

    def of_version(self, version: str, now_us: int) -> tuple[EvaluationRow, ...]:
        """Return how a model version stands, as the `serving` of each evaluation."""
        return of_evaluations.of_version(self._eyes, version, now_us)
