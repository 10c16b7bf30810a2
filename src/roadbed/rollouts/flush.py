"""Writes down each second what this replica saw of the rollouts that are under way."""

from collections.abc import Callable

from roadbed.database.engine import Database
from roadbed.rollouts.tables import rollout_tallies
from roadbed.rollouts.tally import merged
from roadbed.rollouts.tallying import Tallies

EVERY_S = 1.0


class Flush:
    """Writes what *tallies* counted, a row for each rollout, if there is anything."""

    def __init__(
        self,
        database: Database,
        tallies: Tallies,
        replica: str,
        now_us: Callable[[], int],
    ) -> None:
        self._database = database
        self._tallies = tallies
        self._replica = replica
        self._now_us = now_us

    def __call__(self) -> int:
        """Write, and return how many rows; what cannot be written is kept for later."""
        taken = self._tallies.take()
        if not taken:
            return 0
        now_us = self._now_us()
        rows = [
            {"rollout": id_, "replica": self._replica, "at_us": now_us, "body": body}
            for id_, body in taken.items()
        ]
        try:
            with self._database.write() as connection:
                connection.execute(rollout_tallies.insert(), rows)
        except Exception:
            # Whoever runs this chore tells of it.
            for id_, body in taken.items():
                self._tallies.give_back(id_, merged([body]))
            raise
        return len(rows)
