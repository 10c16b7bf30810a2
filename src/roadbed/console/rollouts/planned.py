"""What a rollout goes by, as facts."""

from collections.abc import Iterator

from roadbed.console.rollouts.wording import seconds, weight_words
from roadbed.console.words import NOTHING, plural
from roadbed.rollouts.rollout import Rollout

_UNITS = {
    "principal": "who calls",
    "user": "the user that the caller names",
    "session": "the session that the caller names",
    "call": "nobody: each call for itself",
}


def facts_of(rollout: Rollout) -> Iterator[tuple[str, str]]:
    """Yield what *rollout* goes by: a label and its value."""
    plan, spec = rollout.plan, rollout.spec
    yield "Strategy", plan.strategy
    if plan.strategy == "immediate":
        return
    yield (
        "Stays with one version",
        _UNITS.get(str(spec.get("unit", "principal")), NOTHING),
    )
    count = len(plan.guardrails)
    each = f", {plan.share * 100:.3g} % each" if count > 1 else ""
    yield "Errs by going back", f"{plan.alpha * 100:.3g} % at most{each}"
    yield "Replicas that must be ready", f"{plan.ready * 100:.3g} %"
    if plan.shadow_s:
        mirrored = f"{seconds(plan.shadow_s)}, {plural(plan.shadow_units, 'call')}"
        yield "Mirrored before", mirrored
    yield "Soaks", seconds(plan.soak_s) if plan.soak_s else "not at all"
    if plan.soak_s and plan.holdback:
        yield "Held back meanwhile", weight_words(plan.holdback)
    if "cost_limit" in spec:
        yield "Costs at most", f"{spec['cost_limit']:g} times as much a call"
