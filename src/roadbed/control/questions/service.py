"""What an endpoint served, from each change on: by its pins, and by its rollouts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

import sqlalchemy as sa

from roadbed.control.answering import How, ways
from roadbed.control.readable import served_of
from roadbed.control.state import Revision, revisions
from roadbed.core.reference import VersionRef
from roadbed.rollouts import store
from roadbed.rollouts.rollout import Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How versions may answer at an endpoint from `at_us` on, and who made it so.

    `ways` has what most calls go to first; it is empty where the endpoint is retired.
    `revision` is that of the stack.
    """

    endpoint: str
    at_us: int
    by: str
    stage: str
    revision: int
    ways: Mapping[VersionRef, How]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One change: to what the endpoint declares, or to where a rollout is."""

    at_us: int
    by: str
    declared: Revision | None = None
    rollout: Rollout | None = None
    weight: int = 0


def moments(connection: sa.Connection, endpoint: str) -> Iterator[Moment]:
    """Yield every moment of *endpoint* at which anything changed, oldest first.

    Raises NotFound if there was never an endpoint of that name.
    """
    declared: Revision | None = None
    rollout: Rollout | None = None
    weight, by = 0, ""
    changes = sorted(_changes(connection, endpoint), key=attrgetter("at_us"))
    for together in _moments(changes):
        for each in together:
            by = each.by
            if each.rollout is not None:
                rollout, weight = each.rollout, each.weight
            declared = each.declared or declared
        if declared is not None:
            yield Moment(
                endpoint=endpoint,
                at_us=together[0].at_us,
                by=by,
                stage=str(declared.content["spec"].get("stage", "")),
                revision=declared.snapshot,
                ways=_ways(declared, rollout, weight),
            )


def _moments(changes: Iterable[_Change]) -> Iterator[list[_Change]]:
    """Yield what belongs together: an apply, and what it did to rollouts."""
    found: list[_Change] = []
    for each in changes:
        if found and (each.declared is not None or each.at_us != found[0].at_us):
            yield found
            found = []
        found.append(each)
    if found:
        yield found


def _changes(connection: sa.Connection, endpoint: str) -> Iterator[_Change]:
    for each in revisions(connection, "Endpoint", endpoint)[::-1]:
        yield _Change(at_us=each.applied_us, by=each.applied_by, declared=each)
    for rollout, moved in store.history(connection, endpoint):
        then = replace(rollout.state, phase=moved.phase, held=None)
        yield _Change(
            at_us=moved.at_us,
            by=moved.actor,
            rollout=replace(rollout, state=then),
            weight=moved.weight,
        )


def _ways(
    declared: Revision, rollout: Rollout | None, weight: int
) -> Mapping[VersionRef, How]:
    if declared.state != "live":
        return {}
    now = served_of(declared.content, rollout, 0)
    return ways(declared.content, replace(now, weight=weight))
