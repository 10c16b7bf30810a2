"""One rollout as programs read it, by the control API and by `--output json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.rollouts import store
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.rollout import Change, Rollout
from roadbed.rollouts.shown import Balance, Tile, balance, tiles
from roadbed.rollouts.state import Phase
from roadbed.rollouts.tables import rollout_replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Where a rollout is: from `old` to `new`, `weight` of 10,000 units get `new`.

    `step` of `steps` counts from 1, 0 before the first. `since_us` is when it came to
    where it is, for a `reason`; `held` is the phase that it goes on in after a pause.
    `revision` counts its changes, and `over` says that nothing follows.
    """

    id: str
    endpoint: str
    strategy: str
    declared: str
    old: str
    new: str
    phase: Phase
    held: Phase | None
    over: bool
    step: int
    steps: int
    weight: int
    seen: int
    reason: str
    revision: int
    started_by: str
    started_us: int
    since_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What one replica said last that it serves: `weight` of 10,000 units get `new`.

    `state` says whether it has loaded it: `ready`, `failed` (for a `reason`) or
    `absent`.
    """

    replica: str
    state: str
    reason: str
    weight: int
    serving: int
    seen_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """All of one rollout: where it is, what was planned, what was shown, what was done.

    `changes` are all transitions, the oldest first, with the evidence of each.
    """

    rollout: Summary
    plan: Plan
    spec: Mapping[str, Any]
    guardrails: list[Tile]
    ratio: Balance
    replicas: list[Replica]
    changes: list[Change]


def summary(rollout: Rollout) -> Summary:
    """Return where *rollout* is."""
    state, plan = rollout.state, rollout.plan
    begun = (state.held or state.phase) not in ("draft", "approved", "shadow")
    return Summary(
        id=rollout.id,
        endpoint=rollout.endpoint,
        strategy=plan.strategy,
        declared=rollout.declared,
        old=rollout.old,
        new=rollout.new,
        phase=state.phase,
        held=state.held,
        over=state.over,
        step=state.step + 1 if begun and plan.steps else 0,
        steps=len(plan.steps),
        weight=rollout.weight,
        seen=state.seen,
        reason=state.reason,
        revision=state.revision,
        started_by=rollout.started_by,
        started_us=rollout.started_us,
        since_us=round(state.since_s * 1e6),
    )


def whole(connection: sa.Connection, rollout: Rollout) -> Whole:
    """Return all of *rollout*."""
    return Whole(
        rollout=summary(rollout),
        plan=rollout.plan,
        spec=rollout.spec,
        guardrails=tiles(rollout),
        ratio=balance(rollout),
        replicas=_replicas(connection, rollout.id),
        changes=store.changes_of(connection, rollout.id),
    )


def _replicas(connection: sa.Connection, rollout_id: str) -> list[Replica]:
    columns = rollout_replicas.c
    query = sa.select(*(columns[name] for name in Replica.__slots__))
    query = query.where(columns.rollout == rollout_id).order_by(columns.replica)
    return [Replica(**row) for row in connection.execute(query).mappings()]
