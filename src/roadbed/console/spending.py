"""What calls have cost, step by step and added up, from the call log."""

from collections.abc import Iterable

from roadbed.access.visible import Viewer
from roadbed.console.data import CostPoint, Spending
from roadbed.console.filters import SpendFilter
from roadbed.control import seen
from roadbed.control.budgets import Standing
from roadbed.gateway.calls import CallLog
from roadbed.gateway.history import Span, Spend
from roadbed.gateway.money.spend import costs


def spent(
    viewer: Viewer, log: CallLog, wanted: SpendFilter, now_us: int
) -> list[Spend]:
    """Return what the calls cost that *wanted* describes and the viewer may read."""
    span = Span(
        since_us=wanted.since_us(now_us), until_us=now_us + 1, step_us=wanted.step_us
    )
    return seen.spend(viewer, log, span, wanted.label)


def added_up(
    found: Iterable[Spend],
    budgets: tuple[Standing, ...],
    wanted: SpendFilter,
    now_us: int,
) -> Spending:
    """Return *found* as the page shows it, with every step of its range once."""
    known = list(found)
    first = wanted.since_us(now_us) // wanted.step_us
    steps = {n: (0, 0) for n in range(first, now_us // wanted.step_us + 1)}
    for each in known:
        cost, calls = steps.get(each.at_us // wanted.step_us, (0, 0))
        steps[each.at_us // wanted.step_us] = cost + each.cost_nano, calls + each.calls
    points = tuple(
        CostPoint(at_us=n * wanted.step_us, cost_nano=cost, calls=calls)
        for n, (cost, calls) in sorted(steps.items())
    )
    return Spending(
        costs=tuple(costs(known, wanted.by)), points=points, budgets=budgets
    )
