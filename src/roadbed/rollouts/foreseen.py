"""What a rollout will be able to see, and how long it takes at least.

Told before anything starts. It is reckoned with calls that come as they came lately and
a newer version that is exactly as good, by the same rules as it will be decided by.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from roadbed.rollouts.assignment import BUCKETS
from roadbed.rollouts.decide import difference, verdict
from roadbed.rollouts.difference import Numbers
from roadbed.rollouts.harm import Counts
from roadbed.rollouts.plan import Guardrail, Plan, Step
from roadbed.rollouts.power import detectable
from roadbed.rollouts.state import Ledger
from roadbed.rollouts.traffic import Traffic

_HALVINGS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeen:
    """One step: when it begins and how long it lasts, at the soonest, in seconds.

    `lasts_s` is None if it comes to nothing within `deadline_s`; then those after it
    never begin. `waits_for` says what takes longest. `detectable` is by guardrail what
    is found out by its end: the share of bad units of the newer version, or by what
    part a number is higher. None: nothing is, or it is not on record how it was.
    """

    weight: int
    first: bool
    units: int
    hold_s: int
    deadline_s: int
    begins_s: float | None
    lasts_s: float | None
    waits_for: str
    detectable: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """A whole rollout: when all units get the newer version, and when it is promoted.

    Both in seconds from its beginning, None if that does not come about by itself.
    """

    steps: tuple[StepSeen, ...]
    all_s: float | None
    promoted_s: float | None


@dataclass(frozen=True, slots=True)
class _Way:
    """How far it has come: the time, None if it stands still; units of each side.

    `old` and `new` are counted in each look, for what goes back. For what goes on each
    unit counts less often: in a number `once` in a step, in a share once for `good`.
    """

    at_s: float | None
    old: float = 0.0
    new: float = 0.0
    once: tuple[float, float] = (0.0, 0.0)
    good: tuple[float, float] = (0.0, 0.0)


def foresee(plan: Plan, traffic: Traffic, first: Traffic | None = None) -> Foreseen:
    """Return how a rollout by *plan* goes, if calls come as *traffic* says.

    *first* is the part of it of those who get the version before anybody else.
    """
    waits = plan.strategy == "shadow"  # After it, somebody says whether it goes on.
    way, steps = _Way(None if waits else float(plan.shadow_s)), list[StepSeen]()
    for step in plan.steps:
        asked = first if step.first and first is not None else traffic
        seen, way = _step(plan, step, asked, way)
        steps.append(seen)
    full = [s.begins_s for s in steps if s.weight == BUCKETS and not s.first]
    end = way.at_s
    promoted = None if end is None else end + plan.soak_s
    return Foreseen(
        steps=tuple(steps),
        all_s=full[0] if full else promoted if plan.holdback else end,
        promoted_s=promoted,
    )


def _step(plan: Plan, step: Step, traffic: Traffic, way: _Way) -> tuple[StepSeen, _Way]:
    """Return one step as it is foreseen, and how far it has come by its end."""
    lasts, waits = _lasting(plan, step, traffic, way)
    after = _after(
        plan, step, traffic, way, step.deadline_s if lasts is None else lasts
    )
    seen = StepSeen(
        weight=plan.weight(step),
        first=step.first,
        units=step.units,
        hold_s=step.hold_s,
        deadline_s=step.deadline_s,
        begins_s=way.at_s,
        lasts_s=lasts,
        waits_for=waits,
        detectable={g.name: _found(plan, g, traffic, after) for g in plan.guardrails},
    )
    stuck = way.at_s is None or lasts is None
    return seen, replace(after, at_s=None if stuck else after.at_s)


def _lasting(
    plan: Plan, step: Step, traffic: Traffic, way: _Way
) -> tuple[float | None, str]:
    """Return how long a step lasts, None if it ends in nothing, and what for."""
    if not traffic.counted:
        return None, "calls: there were none"
    share = plan.weight(step) / BUCKETS
    if traffic.units is not None and traffic.units * share < step.units:
        return None, f"{step.units:,} units: of {traffic.units:,} too few get it"
    collected = step.units / (share * traffic.rate)
    least = max(float(step.hold_s), collected)
    if least > step.deadline_s:
        return None, f"{step.units:,} units"
    if plan.strategy == "experiment":
        return None, "somebody who decides"
    late = _late(plan, traffic, lambda s: _after(plan, step, traffic, way, s))
    if not (open_ := late(least)):
        return least, f"{step.units:,} units" if collected > step.hold_s else "its time"
    if late(step.deadline_s):
        return None, ", ".join(late(step.deadline_s))
    return _soonest(late, least, step.deadline_s), ", ".join(open_)


def _late(
    plan: Plan, traffic: Traffic, after: Callable[[float], _Way]
) -> Callable[[float], list[str]]:
    """Return what names the guardrails that have not spoken after so many seconds."""

    def late(seconds: float) -> list[str]:
        seen = after(seconds)
        return [
            guardrail.name
            for guardrail in plan.guardrails
            if guardrail.judge and (level := traffic.levels.get(guardrail.name))
            if verdict(plan, guardrail, _told(level, seen)) != "fine"
        ]

    return late


def _soonest(
    late: Callable[[float], list[str]], least: float, deadline: float
) -> float:
    """Return when nothing is *late* any more, which is so at the *deadline*."""
    low, high = least, deadline
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if late(middle):
            low = middle
        else:
            high = middle
    return high


def _after(plan: Plan, step: Step, traffic: Traffic, way: _Way, seconds: float) -> _Way:
    """Return how far it has come when a step has lasted some *seconds*.

    Where all units get the newer version there is nothing to compare it with, except
    in a switch, which is compared with the time before.
    """
    seen, share = traffic.rate * seconds, plan.weight(step) / BUCKETS
    if plan.strategy == "blue-green":
        old, new = seen, seen
    else:
        old, new = _parts(seen, share) if share < 1 else (0.0, 0.0)
    at_s = None if way.at_s is None else way.at_s + seconds
    most = math.inf if traffic.units is None else float(traffic.units)
    parts = (most, most) if plan.strategy == "blue-green" else _parts(most, share)
    told = min(old, parts[0]), min(new, parts[1])
    once = way.once[0] + told[0], way.once[1] + told[1]
    again = traffic.units is not None
    good = (max(way.good[0], told[0]), max(way.good[1], told[1])) if again else once
    return _Way(at_s, way.old + old, way.new + new, once, good)


def _parts(whole: float, share: float) -> tuple[float, float]:
    """Return what the older version has of *whole*, and what the newer one."""
    return (whole * (1 - share) if share < 1 else 0.0), whole * share


def _told(level: Counts | Numbers, seen: _Way) -> Ledger:
    """Return what would be known if both sides were as it was, by *level*."""
    old, new = seen.good if isinstance(level, Counts) else seen.once
    return Ledger(old=_side(level, old), new=_side(level, new))


def _side(level: Counts | Numbers, units: float) -> Counts | Numbers:
    of = round(units)
    if isinstance(level, Counts):
        return Counts(round((level.rate or 0.0) * of), of)
    return Numbers(of, level.mean, (level.variance or 0.0) * max(of - 1, 0))


def _found(
    plan: Plan, guardrail: Guardrail, traffic: Traffic, seen: _Way
) -> float | None:
    """Return from where on a version that is worse is found out."""
    level = traffic.levels.get(guardrail.name)
    if isinstance(level, Counts) and level.of:
        rate = min(max(level.bad, 0.5), level.of - 0.5) / level.of
        sides = (seen.old, seen.new)
        return detectable(rate, *sides, plan.share, guardrail.tolerated)
    if level is None or isinstance(level, Counts):
        return None
    known = difference(plan, guardrail, _told(level, seen))
    return guardrail.margin + known.high - known.value if known else None
