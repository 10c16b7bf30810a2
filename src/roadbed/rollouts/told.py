"""One rollout as programs read it, by the control API and by `--output json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.gateway.calls import CallLog
from roadbed.rollouts import store
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.presence import Replica, replicas_of
from roadbed.rollouts.rollout import Change, Rollout
from roadbed.rollouts.shadowed import Agreement, agreement
from roadbed.rollouts.shown import Balance, Tile, balance, tiles
from roadbed.rollouts.state import Phase


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
class Whole:
    """All of one rollout: where it is, what was planned, what was shown, what was done.

    `replicas` are those that spoke of it lately, `changes` all transitions, the oldest
    first, with the evidence of each. `copies` tells of mirrored calls, None where the
    call log was not asked.
    """

    rollout: Summary
    plan: Plan
    spec: Mapping[str, Any]
    guardrails: list[Tile]
    ratio: Balance
    replicas: list[Replica]
    changes: list[Change]
    copies: Agreement | None = None


def summary(rollout: Rollout) -> Summary:
    """Return where *rollout* is."""
    state, plan = rollout.state, rollout.plan
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
        step=rollout.step,
        steps=len(plan.steps),
        weight=rollout.weight,
        seen=state.seen,
        reason=state.reason,
        revision=state.revision,
        started_by=rollout.started_by,
        started_us=rollout.started_us,
        since_us=rollout.since_us,
    )


def whole(
    connection: sa.Connection,
    rollout: Rollout,
    now_us: int,
    calls: CallLog | None = None,
) -> Whole:
    """Return all of *rollout*, and who spoke of it lately; of copies *calls* tell."""
    log = calls if rollout.plan.shadow_s > 0 else None
    return Whole(
        rollout=summary(rollout),
        plan=rollout.plan,
        spec=rollout.spec,
        guardrails=tiles(rollout),
        ratio=balance(rollout),
        replicas=replicas_of(connection, rollout.id, now_us),
        changes=store.changes_of(connection, rollout.id),
        copies=agreement(log, rollout, now_us) if log is not None else None,
    )
