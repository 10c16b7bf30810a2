"""How the budgets that are declared stand now."""

from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.access.visible import Viewer
from roadbed.control.seen import resources
from roadbed.core.resource import tenant_of
from roadbed.gateway.money.bank import counters
from roadbed.gateway.money.rule import rules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One budget in the window that it is in now; money in billionths of a dollar.

    `spent` is what its calls have cost, `held` what else replicas have leased for the
    next ones. One that counts by runs of an agent has a standing for each. At
    `marks` per cent somebody is told.
    """

    budget: str
    tenant: str
    amount: int
    period: str
    run: str
    spent: int
    held: int
    refuses: bool
    since_us: int
    renews: str
    marks: tuple[int, ...] = ()

    @property
    def percent(self) -> int:
        """Return how much of it is spent, rounded down."""
        return self.spent * 100 // self.amount if self.amount else 100


def standings(viewer: Viewer, connection: sa.Connection, now_us: int) -> list[Standing]:
    """Return how the budgets stand that the viewer may see, in order of their names."""
    seen = (r for r in resources(viewer, connection) if r.kind == "Budget")
    contents = {revision.name: revision.content for revision in seen}
    rules = {rule.name: rule for rule in rules_of(contents.values(), {})}
    counted = counters(connection, rules)
    found = []
    for name, rule in rules.items():
        window = rule.window(now_us)
        mine = {
            key.run: counter
            for key, counter in counted.items()
            if (key.budget, key.since_us) == (name, window.since_us)
        }
        for run in sorted(mine) or [""]:
            spent = mine[run].spent(now_us) if run in mine else 0
            leased = mine[run].leased if run in mine else 0
            found.append(
                Standing(
                    budget=name,
                    tenant=tenant_of(contents[name]),
                    amount=rule.amount,
                    period=rule.period,
                    run=run,
                    spent=spent,
                    held=max(leased - spent, 0),
                    refuses=rule.refuses,
                    since_us=window.since_us,
                    renews=window.renews,
                    marks=rule.marks,
                )
            )
    return found
