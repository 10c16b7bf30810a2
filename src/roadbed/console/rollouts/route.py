"""The way of a rollout: its stations, and what it waits for at the one it is at."""

from collections.abc import Iterator, Sequence

from roadbed.console.rollouts.asked import ReplicaLine, Stop, Wait
from roadbed.console.rollouts.wording import seconds, weight_words
from roadbed.console.words import count, plural
from roadbed.rollouts.plan import Plan
from roadbed.rollouts.rollout import Change, Rollout
from roadbed.rollouts.shown import tiles

Place = tuple[str, int]
"""A phase, and the step of a canary."""


def stops_of(rollout: Rollout, changes: Sequence[Change]) -> tuple[Stop, ...]:
    """Return the stations that were planned, and how far *rollout* came."""
    plan, state = rollout.plan, rollout.state
    if plan.strategy == "immediate":
        return ()
    places = dict(_places(plan, approval=bool(rollout.spec.get("approval"))))
    order = list(places)
    been = [(c.phase, c.step if c.phase == "canary" else 0) for c in changes]
    furthest = max((order.index(each) for each in been if each in places), default=0)
    if state.phase == "promoted":
        furthest = len(order) - 1
    return tuple(
        Stop(
            label=label,
            note=note,
            state="done"
            if at < furthest or state.phase == "promoted"
            else "ahead"
            if at > furthest
            else _here(state.phase),
        )
        for at, (label, note) in enumerate(places.values())
    )


def waits_of(
    rollout: Rollout, replicas: Sequence[ReplicaLine], now_us: int
) -> tuple[Wait, ...]:
    """Return what has to be before *rollout* leaves the phase and step it is in."""
    phase, plan = rollout.state.phase, rollout.plan
    spent = max(0.0, now_us / 1e6 - rollout.state.since_s)
    if phase in ("approved", "rolling_back"):
        return (_ready(phase, plan, [r for r in replicas if not r.gone]),)
    if phase == "shadow":
        judged = _judged(rollout)
        held = _held(spent, plan.shadow_s)
        return (held, _seen(rollout, plan.shadow_units), *judged)
    if phase == "soaking":
        return (_held(spent, plan.soak_s), _seen(rollout, 1))
    if phase == "canary" and plan.strategy != "experiment":
        step = plan.steps[rollout.state.step]
        units = _seen(rollout, max(1, step.units))
        return (_held(spent, step.hold_s), units, *_judged(rollout))
    return ()


def _places(plan: Plan, *, approval: bool) -> Iterator[tuple[Place, tuple[str, str]]]:
    if approval:
        yield ("draft", 0), ("Approved", "by somebody else")
    yield ("approved", 0), ("Loaded", f"within {seconds(plan.ready_s)}")
    if plan.shadow_s:
        note = f"{seconds(plan.shadow_s)}, {plural(plan.shadow_units, 'call')}"
        yield ("shadow", 0), ("Mirrored", note)
    for at, step in enumerate(plan.steps):
        share = weight_words(plan.weight(step))
        label = f"{share} of the first" if step.first else share
        units = plural(step.units, "unit")
        yield ("canary", at), (label, f"{seconds(step.hold_s)}, {units}")
    if plan.soak_s:
        note = f"{seconds(plan.soak_s)} at {weight_words(plan.most)}"
        yield ("soaking", 0), ("Soaking", note)
    yield ("promoted", 0), ("Promoted", "")


def _here(phase: str) -> str:
    if phase in ("paused", "inconclusive", "draft"):
        return "held"
    over = ("rolling_back", "rolled_back", "aborted", "superseded")
    return "ended" if phase in over else "here"


def _held(spent: float, wanted: int) -> Wait:
    done = spent >= wanted
    told = f"{seconds(min(spent, wanted))} of {seconds(wanted)}"
    return Wait(text=told, done=done, part=min(1.0, spent / wanted) if wanted else 1.0)


def _seen(rollout: Rollout, wanted: int) -> Wait:
    found = rollout.state.seen
    told = f"{count(found)} of {plural(wanted, 'unit')} of {rollout.new} seen"
    return Wait(text=told, done=found >= wanted, part=min(1.0, found / wanted))


def _judged(rollout: Rollout) -> Iterator[Wait]:
    for tile in tiles(rollout):
        if tile.judge:
            fine = tile.verdict == "fine"
            yield Wait(text=f"{tile.name} shown to be no worse", done=fine)


def _ready(phase: str, plan: Plan, replicas: Sequence[ReplicaLine]) -> Wait:
    if phase == "approved":
        there = sum(each.state == "ready" for each in replicas)
        told, wanted = "have it loaded", plan.ready
    else:
        there = sum(each.weight == 0 for each in replicas)
        told, wanted = "send nothing to it any more", 1.0
    part = there / len(replicas) if replicas else 0.0
    return Wait(
        text=f"{there} of {plural(len(replicas), 'replica')} {told}",
        done=bool(replicas) and part >= wanted,
        part=min(1.0, part / wanted) if wanted else 1.0,
    )
