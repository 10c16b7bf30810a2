"""What applying a stack does to what its endpoints serve, for people and programs."""

from collections.abc import Iterable, Iterator
from typing import Any

from roadbed.control.rolling import Turn
from roadbed.rollouts.assignment import BUCKETS
from roadbed.rollouts.plan import Plan


def told(turns: Iterable[Turn]) -> list[str]:
    """Return a line for each endpoint whose rollout is more than another pin."""
    return [line for turn in turns if (line := "; ".join(_parts(turn)))]


def to_json(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """Return the rollouts that begin, and those that end, as plain JSON."""
    return [
        {
            "endpoint": turn.endpoint,
            "from": turn.before,
            "to": turn.pin,
            "begins": turn.begins,
            "strategy": turn.plan.strategy,
            "approval": turn.approval,
            "ends": turn.ends.id if turn.ends else "",
        }
        for turn in turns
    ]


def _parts(turn: Turn) -> Iterator[str]:
    if turn.begins and turn.release is not None:
        yield f"{turn.endpoint} goes from {turn.before} to {turn.pin}: {way(turn.plan)}"
        if turn.approval:
            yield "waits until somebody else approves"
    elif turn.begins and turn.targets:
        yield f"{turn.endpoint} goes from {turn.before} to {turn.pin} at once"
    elif turn.targets:
        yield f"{turn.endpoint} leaves out how its next version is released"
    if turn.targets:
        yield "takes the permission rollout.immediate"
    if turn.ends is not None:
        yield f"ends the rollout of {turn.endpoint} to {turn.ends.new} ({turn.ends.id})"


def way(plan: Plan) -> str:
    """Return how a rollout by *plan* goes: `canary of 5, 95 %, then all`."""
    if plan.strategy == "immediate":
        return "immediate"
    own = [(_percent(plan.weight(step)), step.first) for step in plan.steps]
    first = [f"{share} % of the first" for share, early in own if early]
    shares = [share for share, early in own if not early]
    mirrored = ["mirrored"] if plan.shadow_s else []
    then = ["then all"] if plan.holdback and plan.strategy != "experiment" else []
    steps = ", ".join([*mirrored, *first, f"{', '.join(shares)} %", *then])
    return f"{plan.strategy} of {steps}"


def _percent(weight: int) -> str:
    return f"{weight * 100 / BUCKETS:.4g}"
