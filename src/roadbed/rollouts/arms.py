"""From a rollout under way to what a replica needs of it: who gets which version."""

from roadbed.gateway.money.rule import nano
from roadbed.gateway.release import Mirror
from roadbed.inference.snapshot import Arms, Deployment
from roadbed.rollouts.planned import bucket_share, release_of
from roadbed.rollouts.rollout import Rollout


def arms_of(rollout: Rollout, newer: Deployment) -> Arms:
    """Return the arms of *rollout*, of which *newer* serves the newer version.

    All endpoints keep their own salt, so that whoever is in a small canary is in every
    larger one; an experiment has one of its own, so that two of them are independent.
    """
    release = release_of(rollout)
    own = rollout.plan.strategy == "experiment"
    only = _is_first(rollout)
    early = 0 if only else _early(rollout)
    first = release.first if only or early else None
    shadowed = rollout.state.phase == "shadow"
    mirror = (release.shadow or Mirror()) if shadowed else None
    latency = newer.terms.latency
    return Arms(
        rollout=rollout.id,
        salt=rollout.id if own else rollout.endpoint,
        newer=newer,
        weight=rollout.weight,
        unit=release.unit,
        labels=tuple(sorted(first.labels.items())) if first else (),
        accounts=tuple(first.accounts) if first else (),
        early=early,
        mirrored=bucket_share(mirror.percent) if mirror else 0,
        mirror_nano=nano(mirror.budget) if mirror else 0,
        slow_ms=(latency.p95_ms or 0) if latency else 0,
    )


def _is_first(rollout: Rollout) -> bool:
    """Say whether only those who get a version before anybody else are assigned."""
    state, steps = rollout.state, rollout.plan.steps
    moving = (state.held or state.phase) == "canary"
    return moving and bool(steps) and steps[state.step].first


def _early(rollout: Rollout) -> int:
    """Return the share of those who were first, if it is more than that of all now."""
    first = next((step for step in rollout.plan.steps if step.first), None)
    share = rollout.plan.weight(first) if first is not None else 0
    return share if 0 < rollout.weight < share else 0
