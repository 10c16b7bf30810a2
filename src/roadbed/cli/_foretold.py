"""How `roadbed rollout plan` tells what would come of another version."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from roadbed.cli._output import print_table

if TYPE_CHECKING:
    from roadbed.control.foretold import Foretold
    from roadbed.rollouts.difference import Numbers
    from roadbed.rollouts.foreseen import StepSeen
    from roadbed.rollouts.harm import Counts
    from roadbed.rollouts.plan import Guardrail
    from roadbed.rollouts.traffic import Traffic

_WHO = {
    "principal": "callers",
    "user": "users",
    "session": "sessions",
    "call": "calls",
}
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def show(found: "Foretold") -> None:
    """Print what was foretold, for people."""
    plan = found.plan
    if not found.declared:
        click.echo(
            f"{found.endpoint} declares no `rollout`: another version takes over from "
            f"{found.base} at once, and nothing compares the two"
        )
        return
    click.echo(f"{found.endpoint}: {plan.strategy} from {found.base}, by {found.unit}")
    for line in _traffic(found):
        click.echo(line)
    click.echo(
        f"\n{len(plan.guardrails)} guardrails, each with an alpha of "
        f"{percent(plan.share)}: the chance that any sends back a version that is no "
        f"worse is {percent(plan.alpha)}"
    )
    columns = ("guardrail", "so far", "goes back if", "goes on if it is shown to be")
    print_table(columns, [_guardrail(found, g) for g in plan.guardrails])
    click.echo("")
    if plan.shadow_s:
        click.echo(
            f"before any step, calls are mirrored to it: for {span(plan.shadow_s)} at "
            f"least, and until {plan.shadow_units:,} were"
        )
    columns = ("step", "share", "lasts at least", "until", "waits for", "finds out")
    steps = enumerate(found.foreseen.steps, 1)
    print_table(columns, [_step(found, n, step) for n, step in steps])
    click.echo(_end(found))


def _traffic(found: "Foretold") -> Iterator[str]:
    yield told(found.traffic)
    if found.first is not None:
        yield f"of who gets it first: {told(found.first)}"
    if found.unit in ("user", "session"):
        yield f"{_WHO[found.unit]} are not in the call log: each call counts as one"


def told(traffic: "Traffic") -> str:
    """Return how many calls there were, in words."""
    if not traffic.calls:
        return "no calls: nothing can be shown, and each step ends in nothing"
    from roadbed.rollouts.traffic import LOOK_S

    by = f" of {traffic.units:,} callers" if traffic.units is not None else ""
    hourly = traffic.rate * 3_600
    return (
        f"{traffic.calls:,} calls{by} in {span(traffic.seconds)}: {hourly:,.0f} units "
        f"an hour, each counted once in {LOOK_S} seconds"
    )


def _guardrail(found: "Foretold", guardrail: "Guardrail") -> list[str]:
    margin = guardrail.margin
    level = found.traffic.levels.get(guardrail.name)
    if guardrail.kind == "continuous":
        back, on = f"more than {percent(margin)} worse", f"within {percent(margin)}"
    else:
        times = guardrail.tolerated
        back = "worse" if times == 1 else f"odds more than {times:.3g} times as high"
        on = f"less than {points(margin)} higher"
    return [guardrail.name, _level(level), back, on if guardrail.judge else "anything"]


def _level(level: "Counts | Numbers | None") -> str:
    from roadbed.rollouts.harm import Counts

    if isinstance(level, Counts):
        return percent(level.rate or 0.0) if level.of else "not known"
    if level is None or not level.n:
        return "not known"
    return f"spread {percent((level.variance or 0.0) ** 0.5)} of its mean"


def _step(found: "Foretold", number: int, step: "StepSeen") -> list[str]:
    lasts = step.lasts_s
    begun = step.begins_s
    end = None if lasts is None or begun is None else begun + lasts
    share = percent(step.weight / 10_000) + (" of the first" if step.first else "")
    return [
        str(number),
        share,
        span(lasts) if lasts is not None else f"in vain after {span(step.deadline_s)}",
        span(end) if end is not None else "—",
        step.waits_for,
        ", ".join(_finds(found, step)) or "nothing",
    ]


def _finds(found: "Foretold", step: "StepSeen") -> Iterator[str]:
    for guardrail in found.plan.guardrails:
        value = step.detectable.get(guardrail.name)
        if value is not None and guardrail.kind == "binary":
            yield f"{guardrail.name} from {percent(value)}"
        elif value is not None:
            yield f"{guardrail.name} {percent(value)} worse"


def _end(found: "Foretold") -> str:
    foreseen, plan = found.foreseen, found.plan
    if plan.strategy == "immediate":
        return "all units get it at once; this takes the permission rollout.immediate"
    if plan.strategy == "shadow":
        return "after the shadow it pauses: somebody promotes it, or goes back"
    if foreseen.all_s is None:
        return "it does not come to all units by itself"
    soonest = f"after {span(foreseen.all_s)} at the soonest"
    if foreseen.all_s == foreseen.promoted_s:
        return f"promoted, and for all units, {soonest}"
    whole = f"all units get it {soonest}"
    if foreseen.promoted_s is None:
        return f"{whole}; it is not promoted by itself"
    return f"{whole}; promoted after {span(foreseen.promoted_s)}"


def percent(share: float) -> str:
    """Return a share as text: `2.5 %`."""
    return f"{share * 100:.3g} %"


def points(share: float) -> str:
    """Return a difference of shares as text: `2 points`."""
    return f"{share * 100:.3g} points"


def span(seconds: float) -> str:
    """Return a stretch of time in its two largest units: `3 h 20 min`."""
    left, parts = float(round(seconds)), list[str]()
    for size, name in _UNITS:
        if (many := int(left // size)) and len(parts) < 2:
            parts.append(f"{many} {name}")
        left %= size
    return " ".join(parts) or "0 s"
