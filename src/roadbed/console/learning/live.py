"""What is learned from calls, out of the control database, for one viewer."""

from collections.abc import Callable
from dataclasses import dataclass

from roadbed.access.visible import Viewer
from roadbed.console.learning.asked import Desk, Queue
from roadbed.control.golden import readable
from roadbed.control.quality import EndpointQuality, quality_of
from roadbed.control.reviewing import Reviewer
from roadbed.database.engine import Database
from roadbed.evals.golden import Golden
from roadbed.evals.review import Label, agreed, beyond_chance, measure_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLearning:
    """A `Learning` over the control database."""

    database: Database
    viewer: Viewer
    now_us: Callable[[], int]

    def queues(self) -> tuple[Queue, ...]:
        """Return the queues that this viewer may work on."""
        mine = self._reviewer().queues(self.database)
        return tuple(self._queue(name) for name in mine)

    def desk(self, dataset: str, after: str) -> Desk:
        """Return the next case for this viewer."""
        found = self._golden().next(dataset, str(self.viewer.principal), after)
        queue = self._queue(dataset)
        if found is not None and not readable(self.viewer, found):
            return Desk(queue=queue, withheld=True)
        return Desk(queue=queue, candidate=found)

    def label(self, dataset: str, candidate: str, label: Label) -> str:
        """Keep what the viewer says of a case that they may read."""
        return self._reviewer().say(dataset, candidate, label).state

    def quality(self, endpoint: str, span: tuple[int, int]) -> EndpointQuality:
        """Return how good an endpoint's answers were."""
        tenant = self.viewer.principal.tenant
        with self.database.read() as connection:
            return quality_of(connection, tenant, endpoint, span)

    def _golden(self) -> Golden:
        return Golden(self.database, self.now_us)

    def _reviewer(self) -> Reviewer:
        return Reviewer(viewer=self.viewer, golden=self._golden())

    def _queue(self, dataset: str) -> Queue:
        standing = self._golden().standing(dataset)
        return Queue(
            dataset=dataset,
            states=standing.states,
            agreement=agreed(standing.pairs),
            beyond=beyond_chance(standing.pairs, standing.annotators),
            measure=measure_of(standing.annotators),
            pairs=len(standing.pairs),
        )
