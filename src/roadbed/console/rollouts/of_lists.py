"""Rollouts by their state, as one viewer may see them, and what drifted from Git."""

import shlex
from collections.abc import Mapping

from roadbed.console.rollouts.asked import (
    DriftTold,
    RolloutGroup,
    RolloutList,
    RolloutRow,
    Standing,
)
from roadbed.console.rollouts.filters import GROUPS, RolloutFilter
from roadbed.console.rollouts.places import rollout_page
from roadbed.console.rollouts.sight import Sight
from roadbed.console.rollouts.wording import verdict_shape
from roadbed.control import seen
from roadbed.control.rollouts import Drift
from roadbed.rollouts import store
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.shown import Tile, balance, tiles

PAGE = 50
OVER = 12
"""As many that are over as the page shows beside the others."""


def rollouts(sight: Sight, wanted: RolloutFilter) -> RolloutList:
    """Return the rollouts that *wanted* describes, by their state."""
    after = sight.get(wanted.before) if wanted.before else None
    names = [wanted.state] if wanted.state else list(GROUPS)
    groups = (_group(sight, name, wanted, after) for name in names)
    endpoints = seen.declared(
        sight.viewer, sight.connection, "Endpoint", "endpoint.read"
    )
    drifted = _drifts(sight).values() if not wanted.before else ()
    return RolloutList(
        groups=tuple(groups),
        drifts=tuple(
            each for each in drifted if wanted.endpoint in ("", each.endpoint)
        ),
        endpoints=tuple(each.name for each in endpoints),
    )


def newest(sight: Sight) -> Mapping[str, Standing]:
    """Return how the newest rollout of each endpoint stands."""
    drifted = _drifts(sight)
    return {
        name: Standing(row=row_of(found), drift=drifted.get(name))
        for name, found in sorted(store.newest_of_each(sight.connection).items())
        if sight.may_see(found)
    }


def drift_of(sight: Sight, rollout: Rollout) -> DriftTold | None:
    """Return the drift that *rollout* led to, None if it led to none."""
    found = _drifts(sight).get(rollout.endpoint)
    return found if found and found.rollout == rollout_page(rollout.id) else None


def row_of(rollout: Rollout) -> RolloutRow:
    """Return *rollout* in one line."""
    state, plan = rollout.state, rollout.plan
    return RolloutRow(
        id=rollout.id,
        endpoint=rollout.endpoint,
        old=rollout.old,
        new=rollout.new,
        phase=state.phase,
        strategy=plan.strategy,
        weight=rollout.weight,
        step=rollout.step,
        steps=len(plan.steps),
        reason=state.reason,
        since_us=rollout.since_us,
        started_us=rollout.started_us,
        started_by=rollout.started_by,
        said=_said(rollout),
    )


def _group(
    sight: Sight, name: str, wanted: RolloutFilter, after: Rollout | None
) -> RolloutGroup:
    label, phases = GROUPS[name]
    limit = PAGE if wanted.state or name != "over" else OVER
    found = seen.rollouts(
        sight.viewer,
        sight.connection,
        endpoint=wanted.endpoint,
        phases=phases,
        after=after,
        limit=limit + 1,
    )
    return RolloutGroup(
        name=name,
        label=label,
        rows=tuple(row_of(each) for each in found[:limit]),
        older=found[limit - 1].id if len(found) > limit else "",
    )


def _said(rollout: Rollout) -> str:
    """Return the verdict that matters most while *rollout* is under way."""
    if balance(rollout).verdict == "mismatch":
        return f"sample ratio: {verdict_shape('mismatch')[1]}"
    found = sorted(tiles(rollout), key=_rank)
    if not found or found[0].verdict == "fine":
        return "all no worse" if found else ""
    return f"{found[0].name}: {verdict_shape(found[0].verdict)[1]}"


def _rank(tile: Tile) -> tuple[int, float]:
    """Return where *tile* stands among others, the one that says worst first."""
    order = ("worse", "unknown", "no data", "fine")
    return order.index(tile.verdict), -(tile.e_value or 0.0) / tile.limit


def _drifts(sight: Sight) -> dict[str, DriftTold]:
    found = seen.drifts(sight.viewer, sight.connection)
    return {drift.endpoint: _told(drift) for drift in found}


def _told(drift: Drift) -> DriftTold:
    return DriftTold(
        endpoint=drift.endpoint,
        pinned=drift.pinned,
        served=drift.served,
        reason=drift.reason,
        rollout=rollout_page(drift.rollout),
        where=f"{drift.file}:{drift.line}" if drift.file else "",
        mend=_mend(drift) if drift.file else "",
    )


def _mend(drift: Drift) -> str:
    """Return a command that pins what is served, from the resource's line on."""
    first, to = drift.pinned, drift.served
    script = f"{max(1, drift.line)},/{first}/s/{first}/{to}/"
    return f"sed -i.bak {shlex.quote(script)} {shlex.quote(drift.file)}"
