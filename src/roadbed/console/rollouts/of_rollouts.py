"""One rollout, as its page shows it."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from roadbed.console.rollouts.asked import Event, ReplicaLine, RolloutPage
from roadbed.console.rollouts.of_acts import acts_of
from roadbed.console.rollouts.of_lists import drift_of, row_of
from roadbed.console.rollouts.planned import facts_of
from roadbed.console.rollouts.route import stops_of, waits_of
from roadbed.console.rollouts.sight import Sight
from roadbed.rollouts import store
from roadbed.rollouts.rollout import Change, Rollout
from roadbed.rollouts.shown import balance, tiles
from roadbed.rollouts.tables import rollout_replicas

GONE_US = 10_000_000
"""A replica that said nothing for so long is not counted."""


def rollout(sight: Sight, rollout_id: str, now_us: int) -> RolloutPage:
    """Return one rollout at *now_us*."""
    found = sight.get(rollout_id)
    changes = store.changes_of(sight.connection, found.id)
    newest = store.newest(sight.connection, found.endpoint)
    replicas = () if found.state.over else _replicas(sight.connection, found, now_us)
    is_newest = newest is not None and newest.id == found.id
    return RolloutPage(
        row=row_of(found),
        revision=found.state.revision,
        newest=is_newest,
        declared=found.declared,
        snapshot=found.snapshot,
        stops=stops_of(found, changes),
        waits=waits_of(found, replicas, now_us),
        tiles=tuple(tiles(found)),
        balance=balance(found) if found.plan.steps else None,
        events=tuple(_events(changes, now_us, over=found.state.over)),
        replicas=replicas,
        acts=acts_of(sight, found, newest=is_newest),
        plan=tuple(facts_of(found)),
        drift=drift_of(sight, found) if is_newest and _went(found) else None,
    )


def _went(found: Rollout) -> bool:
    """Say whether nobody gets both versions any more, so that one may be another."""
    return found.state.over or found.state.phase == "rolling_back"


def _events(changes: Sequence[Change], now_us: int, *, over: bool) -> Iterator[Event]:
    ends = [change.at_us for change in changes[1:]]
    ends.append(changes[-1].at_us if over else max(now_us, changes[-1].at_us))
    for change, end in zip(changes, ends, strict=True):
        yield Event(
            at_us=change.at_us,
            phase=change.phase,
            step=change.step,
            weight=change.weight,
            actor=change.actor,
            reason=change.reason,
            digest=change.evidence_digest if change.evidence else "",
            evidence=change.evidence,
            lasted_us=end - change.at_us,
        )


def _replicas(
    connection: sa.Connection, found: Rollout, now_us: int
) -> tuple[ReplicaLine, ...]:
    table = rollout_replicas
    query = sa.select(table).where(table.c.rollout == found.id)
    rows = connection.execute(query.order_by(table.c.replica)).mappings()
    lines = (
        ReplicaLine(
            name=row["replica"],
            state=row["state"],
            weight=row["weight"],
            reason=row["reason"],
            seen_us=row["seen_us"],
            gone=now_us - row["seen_us"] > GONE_US,
        )
        for row in rows
    )
    return tuple(sorted(lines, key=lambda line: line.gone))
