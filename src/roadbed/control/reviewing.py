"""The queues of cases to be, in the name of one viewer: for the API, the command line
and the console."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from roadbed.access.visible import Viewer, own
from roadbed.control.golden import readable
from roadbed.control.targets import find_dataset
from roadbed.core.errors import Denied, NotFound
from roadbed.database.engine import Database
from roadbed.evals.golden import ACTION, Candidate, Golden, Standing
from roadbed.evals.review import Label, Settled, agreed, beyond_chance, measure_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """What one viewer sees of queues, and says of what is in them.

    That they may work on a queue is asked for before; what was asked and answered is
    for those who may read payloads.
    """

    viewer: Viewer
    golden: Golden

    def queues(self, database: Database) -> list[str]:
        """Return the datasets that have or had candidates and may be worked on."""
        names = self.golden.datasets()
        with database.read() as connection:
            return [name for name in names if self._may(connection, name)]

    def candidates(self, dataset: str, state: str, limit: int) -> list[Candidate]:
        """Return what is in a queue, in one state or all, and may be read."""
        found = self.golden.list(dataset, state, limit)
        return [each for each in found if readable(self.viewer, each)]

    def say(
        self, dataset: str, candidate: str, label: Label, *, proposed: bool = False
    ) -> Settled:
        """Keep what is said of a candidate, and return how it stands then.

        With *proposed* what is expected is what was thought to be right before.
        Raises NotFound for one of another dataset, Denied for one that may not be read,
        and what `Golden.label` raises.
        """
        found = self.golden.get(candidate)
        if found.dataset != dataset:
            raise NotFound(f"there is no candidate {candidate[:80]!r} of {dataset}")
        must_read(self.viewer, found)
        if proposed:
            right = found.answer if found.expected is None else found.expected
            label = replace(label, expected=right)
        return self.golden.label(candidate, label)

    def _may(self, connection: sa.Connection, dataset: str) -> bool:
        found = own(self.viewer.principal, find_dataset(connection, dataset))
        return found is not None and self.viewer.may(ACTION, found)


def must_read(viewer: Viewer, found: Candidate) -> None:
    """Raise Denied unless *viewer* may read what was said in the call of *found*."""
    if not readable(viewer, found):
        raise Denied("you may not read what was said (call.read-payload)")


def stands(standing: Standing) -> dict[str, Any]:
    """Return how a queue stands, with the agreement of annotators, as plain JSON."""
    pairs: Sequence[tuple[str, str]] = standing.pairs
    annotators = standing.annotators
    return {
        "states": standing.states,
        "agreement": asdict(agreed(pairs)),
        measure_of(annotators): asdict(beyond_chance(pairs, annotators)),
        "pairs": len(pairs),
        "annotators": annotators,
    }
