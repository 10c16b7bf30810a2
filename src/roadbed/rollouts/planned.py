"""From the block that an endpoint declares to the plan of one rollout."""

from collections.abc import Iterator

from roadbed.gateway.release import SHARES, CanaryStep, Mirror, Release, Watched
from roadbed.rollouts.assignment import BUCKETS
from roadbed.rollouts.plan import Guardrail, Plan, Step
from roadbed.rollouts.rollout import Rollout

_USUAL = {
    "canary": (5.0, 25.0, 50.0, 100.0),
    "shadow": (100.0,),
    "blue-green": (100.0,),
    "experiment": (50.0,),
    "immediate": (),
}
AT_ONCE = Plan(strategy="immediate", soak_s=0, holdback=0, ready=0.0)
"""How a version takes over on an endpoint that declares no other way."""


def plan_of(release: Release | None, promises_latency: bool) -> Plan:
    """Return the plan of a rollout by *release*; without one it is immediate.

    *promises_latency* says whether there is a limit beyond which a call is slow.
    """
    if release is None:
        return AT_ONCE
    at_once = release.strategy == "blue-green"
    shadow = release.shadow or (Mirror() if release.strategy == "shadow" else None)
    return Plan(
        strategy=release.strategy,
        steps=tuple(_steps(release)),
        guardrails=tuple(_guardrails(release, promises_latency)),
        alpha=release.alpha,
        shadow_s=max(shadow.hold_s, 1) if shadow else 0,
        shadow_units=shadow.units if shadow else 100,
        soak_s=release.soak_s,
        holdback=0 if at_once else bucket_share(release.holdback_percent),
        ready=release.ready_percent / 100,
        ready_s=release.ready_s,
    )


def release_of(rollout: Rollout) -> Release:
    """Return the block that *rollout* goes by; the usual one if none was declared."""
    return Release.model_validate(dict(rollout.spec)) if rollout.spec else Release()


def bucket_share(percent: float) -> int:
    """Return *percent* as a share of 10,000 buckets."""
    return round(percent * BUCKETS / 100)


def _steps(release: Release) -> Iterator[Step]:
    if release.first is not None:
        first = release.first
        yield Step(
            weight=bucket_share(first.percent),
            hold_s=first.hold_s,
            units=first.units,
            first=True,
        )
    usual = [CanaryStep(percent=p) for p in _USUAL[release.strategy]]
    for step in release.steps or usual:
        yield Step(
            weight=bucket_share(step.percent),
            hold_s=step.hold_s,
            units=step.units,
            deadline_s=step.deadline_s,
        )


def _guardrails(release: Release, promises_latency: bool) -> Iterator[Guardrail]:
    usual = [Watched(metric="errors"), Watched(metric="timeouts")]
    if promises_latency:
        usual.append(Watched(metric="slow"))
    for watched in release.guardrails or usual:
        yield Guardrail(
            name=watched.metric,
            kind="binary" if watched.metric in SHARES else "continuous",
            margin=watched.margin,
            tolerated=watched.tolerated,
            judge=watched.judge,
            either=watched.metric == "prediction",
        )
