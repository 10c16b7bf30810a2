"""Rollouts, out of the control database, for one viewer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from roadbed.access.visible import Viewer
from roadbed.console.rollouts import of_lists, of_rollouts
from roadbed.console.rollouts.asked import RolloutList, RolloutPage, Standing
from roadbed.console.rollouts.filters import RolloutFilter
from roadbed.console.rollouts.of_acts import is_act
from roadbed.console.rollouts.sight import Sight
from roadbed.control import rollouts as control
from roadbed.core.errors import Conflict, Invalid
from roadbed.database.engine import Database
from roadbed.rollouts import store
from roadbed.rollouts.acts import Act


@dataclass(frozen=True, slots=True)
class LiveRollouts:
    """A `Rolling` over the control database."""

    database: Database
    viewer: Viewer

    def rollouts(self, wanted: RolloutFilter, now_us: int) -> RolloutList:
        """Return the rollouts that *wanted* describes."""
        with self._sight() as sight:
            return of_lists.rollouts(sight, wanted)

    def rollout(self, rollout_id: str, now_us: int) -> RolloutPage:
        """Return one rollout."""
        with self._sight() as sight:
            return of_rollouts.rollout(sight, rollout_id, now_us)

    def endpoint_of(self, rollout_id: str) -> str:
        """Return the endpoint of a rollout."""
        with self._sight() as sight:
            return sight.get(rollout_id).endpoint

    def newest(self) -> Mapping[str, Standing]:
        """Return how the newest rollout of each endpoint stands that had any."""
        with self._sight() as sight:
            return of_lists.newest(sight)

    def steer(
        self, rollout_id: str, what: str, reason: str, revision: int, now_us: int
    ) -> None:
        """Do *what* to a rollout, if it is still where it was at *revision*."""
        if not is_act(what):
            raise Invalid(f"nothing is called {what[:40]!r}", hint="use the buttons")
        with self.database.write() as connection:
            found = Sight(self.viewer, connection).get(rollout_id)
            seen = replace(found, state=replace(found.state, revision=revision))
            actor = str(self.viewer.principal)
            act = cast("Act", what)
            control.steer(connection, seen, act, reason, actor, now_us)

    def roll_back(self, rollout_id: str, reason: str, now_us: int) -> str:
        """Let its endpoint serve what it served before; return the rollout's id."""
        with self.database.write() as connection:
            found = Sight(self.viewer, connection).get(rollout_id)
            newest = store.newest(connection, found.endpoint)
            if newest is None or newest.id != found.id:
                raise Conflict(
                    f"{found.endpoint} has a newer rollout",
                    hint="the page of the endpoint leads to it",
                )
            actor = str(self.viewer.principal)
            return control.roll_back(
                connection, found.endpoint, reason, actor, now_us
            ).id

    @contextmanager
    def _sight(self) -> Iterator[Sight]:
        with self.database.read() as connection:
            yield Sight(self.viewer, connection)
