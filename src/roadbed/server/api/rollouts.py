"""Rollouts: where each is, what people may do to it, and where Git says otherwise."""

from functools import partial
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from roadbed.control import seen
from roadbed.control.rollouts import Drift, roll_back, steer
from roadbed.control.targets import find_endpoint, find_rollout
from roadbed.core.decision import Target
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.rollouts import store
from roadbed.rollouts.acts import Act
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import ACTIVE, OVER, Phase
from roadbed.rollouts.told import Summary, Whole, summary, whole
from roadbed.server.routes import Ask, Route

ACTS: tuple[Act, ...] = ("approve", "pause", "resume", "promote", "abort")
"""What people do to a rollout; going back is asked of its endpoint."""


class RolloutFilter(BaseModel):
    """Which rollouts are wanted."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(default="", max_length=128, description="Only of this one.")
    phase: Phase | None = Field(default=None, description="Only those in this phase.")
    active: bool = Field(default=False, description="Only those that are under way.")
    before: str = Field(
        default="", max_length=64, description="The id that the list goes on after."
    )
    limit: int = Field(default=50, ge=1, le=200)


class Rollouts(BaseModel):
    """Rollouts, newest first; `before` continues the list, if there may be more."""

    rollouts: list[Summary]
    before: str | None = None


class Steered(BaseModel):
    """Why it is done, and of which revision of the rollout, if that matters."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=500, description="Why, for the log.")
    revision: int | None = Field(
        default=None, ge=0, description="What you saw; if it moved since, a conflict."
    )


class WentBack(BaseModel):
    """Why somebody goes back to the version from before."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=500, description="Why, for the log.")


class Drifted(BaseModel):
    """An endpoint that serves something else than the stack pins, and why.

    `patch` is a JSON Patch (RFC 6902) of the endpoint that `file` declares at `line`.
    """

    endpoint: str
    pinned: str
    served: str
    rollout: str
    reason: str
    file: str
    line: int
    patch: list[dict[str, Any]]


class Drifts(BaseModel):
    """Every endpoint that drifted from the stack."""

    drift: list[Drifted]


def rollout_named(ask: Ask) -> Target | None:
    """Find the endpoint that a rollout is of."""
    with ask.services.database.read() as connection:
        return find_rollout(connection, ask.params["rollout"])


def endpoint_named(ask: Ask) -> Target | None:
    """Find an endpoint."""
    with ask.services.database.read() as connection:
        return find_endpoint(connection, ask.params["endpoint"])


def list_(ask: Ask) -> Rollouts:
    """List the rollouts that the caller may see."""
    wanted: RolloutFilter = ask.query
    with ask.services.database.read() as connection:
        found = seen.rollouts(
            ask.viewer,
            connection,
            endpoint=wanted.endpoint,
            phases=_phases(wanted),
            after=_last(ask, connection),
            limit=wanted.limit,
        )
    more = found[-1].id if len(found) == wanted.limit else None
    return Rollouts(rollouts=[summary(r) for r in found], before=more)


def get(ask: Ask) -> Whole:
    """Show all of one rollout."""
    with ask.services.database.read() as connection:
        found = store.get(connection, ask.params["rollout"])
        calls = ask.services.calls
        return whole(connection, found, ask.services.now_us(), calls)


def act(what: Act, ask: Ask) -> Summary:
    """Do *what* to a rollout, in the caller's name."""
    wanted: Steered = ask.body
    with ask.services.database.write() as connection:
        now = store.get(connection, ask.params["rollout"])
        if wanted.revision not in (None, now.state.revision):
            raise Conflict(
                f"it is {now.state.phase} since, by revision {now.state.revision}",
                hint="look again",
            )
        now_us = ask.services.now_us()
        done = steer(connection, now, what, wanted.reason, ask.actor, now_us)
    return summary(done)


def go_back(ask: Ask) -> Summary:
    """Let an endpoint serve what it served before."""
    wanted: WentBack = ask.body
    with ask.services.database.write() as connection:
        name, now_us = ask.params["endpoint"], ask.services.now_us()
        done = roll_back(connection, name, wanted.reason, ask.actor, now_us)
    return summary(done)


def drift(ask: Ask) -> Drifts:
    """List the endpoints that serve something else than the stack pins."""
    with ask.services.database.read() as connection:
        found = seen.drifts(ask.viewer, connection)
    return Drifts(drift=[_drifted(each) for each in found])


def _drifted(drift: Drift) -> Drifted:
    told = {n: getattr(drift, n) for n in Drifted.model_fields if n != "patch"}
    pin = "/spec/model"
    patch = [
        {"op": "test", "path": pin, "value": drift.pinned},
        {"op": "replace", "path": pin, "value": drift.served},
    ]
    return Drifted(**told, patch=patch)


def _phases(wanted: RolloutFilter) -> tuple[str, ...]:
    if not wanted.active:
        return (wanted.phase,) if wanted.phase else ()
    if wanted.phase in OVER:
        raise Invalid(f"what is {wanted.phase} is not active", hint="leave one out")
    return (wanted.phase,) if wanted.phase else ACTIVE


def _last(ask: Ask, connection: sa.Connection) -> Rollout | None:
    """Return the rollout that the list goes on after, if it is of the caller."""
    if not ask.query.before:
        return None
    found = store.get(connection, ask.query.before)
    if found.tenant != ask.tenant:
        raise NotFound(f"no rollout is called {ask.query.before!r}")
    return found


def _steers(what: Act) -> Route:
    return Route(
        method="POST",
        path=f"{_ONE}/{what}",
        action="rollout.steer",
        handler=partial(act, what),
        summary=_SUMMARIES[what],
        answer=Summary,
        body=Steered,
        target="rollout",
        locate=rollout_named,
        tag="rollouts",
    )


_ONE = "/api/v1/rollouts/{rollout}"
_SUMMARIES: dict[Act, str] = {
    "approve": "Approve a rollout that somebody else began",
    "pause": "Pause a rollout where it is",
    "resume": "Go on with a rollout after a pause",
    "promote": "Give the newer version to all, without waiting for more",
    "abort": "End a rollout before any traffic moved",
}
ROUTES = (
    Route(
        method="GET",
        path="/api/v1/rollouts",
        action="endpoint.read",
        handler=list_,
        summary="List rollouts, newest first",
        answer=Rollouts,
        query=RolloutFilter,
        lists="rollouts",
        tag="rollouts",
    ),
    Route(
        method="GET",
        path=_ONE,
        action="endpoint.read",
        handler=get,
        summary="Show all of a rollout: its figures, replicas and changes",
        answer=Whole,
        target="rollout",
        locate=rollout_named,
        tag="rollouts",
    ),
    *map(_steers, ACTS),
    Route(
        method="POST",
        path="/api/v1/endpoints/{endpoint}/rollback",
        action="rollout.rollback",
        handler=go_back,
        summary="Go back to the version that an endpoint served before",
        answer=Summary,
        body=WentBack,
        target="endpoint",
        locate=endpoint_named,
        tag="rollouts",
    ),
    Route(
        method="GET",
        path="/api/v1/drift",
        action="endpoint.read",
        handler=drift,
        summary="List what is served and not what the stack pins, with patches",
        answer=Drifts,
        lists="drift",
        tag="rollouts",
    ),
)
