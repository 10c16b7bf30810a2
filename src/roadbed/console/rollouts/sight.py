"""Which rollouts one viewer may see: those of the endpoints that they may see."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from roadbed.access.visible import Viewer, nothing, own
from roadbed.control.targets import find_endpoint
from roadbed.core.decision import Target
from roadbed.core.errors import NotFound
from roadbed.rollouts import store
from roadbed.rollouts.rollout import Rollout

ACTION = "endpoint.read"


@dataclass(frozen=True, slots=True)
class Sight:
    """One viewer, within one transaction; each endpoint is looked up once."""

    viewer: Viewer
    connection: sa.Connection
    _known: dict[str, Target] = field(default_factory=dict)

    def target_of(self, rollout: Rollout) -> Target:
        """Return the endpoint of *rollout* as policies read it, live or retired.

        What is of another tenant is decided upon as if it did not exist.
        """
        name = rollout.endpoint
        if name not in self._known:
            principal = self.viewer.principal
            found = own(principal, find_endpoint(self.connection, name))
            self._known[name] = found or nothing(principal, "Endpoint", name)
        return self._known[name]

    def may_see(self, rollout: Rollout) -> bool:
        """Say whether the viewer may see *rollout*."""
        mine = rollout.tenant == self.viewer.principal.tenant
        return mine and self.viewer.may(ACTION, self.target_of(rollout))

    def get(self, rollout_id: str) -> Rollout:
        """Return one rollout; raise NotFound if the viewer may not see it."""
        try:
            found = store.get(self.connection, rollout_id)
        except NotFound:
            found = None
        if found is None or not self.may_see(found):
            raise NotFound(
                f"there is no rollout called {rollout_id[:80]!r}",
                hint="the page Rollouts lists them",
            )
        return found
