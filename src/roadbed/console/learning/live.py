"""What is learned from calls, out of the control database, for one viewer."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.access.visible import Viewer, own
from roadbed.console.learning.asked import Desk, Queue
from roadbed.control.golden import readable
from roadbed.control.quality import EndpointQuality, quality_of
from roadbed.control.targets import find_dataset
from roadbed.core.errors import Denied, NotFound
from roadbed.database.engine import Database
from roadbed.evals.golden import ACTION, Golden
from roadbed.evals.review import Label, agreed, beyond_chance, measure_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLearning:
    """A `Learning` over the control database."""

    database: Database
    viewer: Viewer
    now_us: Callable[[], int]

    def queues(self) -> tuple[Queue, ...]:
        """Return the queues that this viewer may work on."""
        names = self._golden().datasets()
        with self.database.read() as connection:
            mine = [name for name in names if self._may(connection, name)]
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
        golden = self._golden()
        found = golden.get(candidate)
        if found.dataset != dataset:
            raise NotFound(f"there is no candidate {candidate[:80]!r} of {dataset}")
        if not readable(self.viewer, found):
            raise Denied("you may not read what was said (call.read-payload)")
        return golden.label(candidate, label).state

    def quality(self, endpoint: str, span: tuple[int, int]) -> EndpointQuality:
        """Return how good an endpoint's answers were."""
        tenant = self.viewer.principal.tenant
        with self.database.read() as connection:
            return quality_of(connection, tenant, endpoint, span)

    def _golden(self) -> Golden:
        return Golden(self.database, self.now_us)

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

    def _may(self, connection: sa.Connection, dataset: str) -> bool:
        found = own(self.viewer.principal, find_dataset(connection, dataset))
        return found is not None and self.viewer.may(ACTION, found)
