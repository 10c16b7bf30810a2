"""What calls have cost, and how budgets stand."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roadbed.control import seen
from roadbed.control.budgets import standings
from roadbed.core.clock import to_us
from roadbed.gateway.history import Span
from roadbed.gateway.money.spend import DAY_US, Cost, costs, label_of
from roadbed.server.routes import Ask, Route


class CostFilter(BaseModel):
    """Which calls, and what to split them by."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(
        default="endpoint",
        max_length=80,
        description="endpoint, model, provider, principal, tenant, team, day or "
        "label:NAME.",
    )
    since_us: int = Field(ge=0, le=2**62)
    until_us: int = Field(ge=0, le=2**62)


class Costs(BaseModel):
    """Costs in billionths of a US dollar, the dearest first."""

    costs: list[Cost]


class Budgets(BaseModel):
    """Budgets in the window that they are in now, in billionths of a US dollar."""

    budgets: list[dict[str, Any]]


def cost(ask: Ask) -> Costs:
    """Add up what calls have cost."""
    wanted: CostFilter = ask.query
    label = label_of(wanted.by)
    span = Span(since_us=wanted.since_us, until_us=wanted.until_us, step_us=DAY_US)
    found = seen.spend(ask.viewer, ask.services.calls, span, label)
    return Costs(costs=costs(found, wanted.by))


def budgets(ask: Ask) -> Budgets:
    """List how budgets stand."""
    now_us = to_us(ask.services.clock.now())
    with ask.services.database.read() as connection:
        found = standings(ask.viewer, connection, now_us)
    return Budgets(budgets=[asdict(each) for each in found])


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/cost",
        action="call.read",
        handler=cost,
        summary="Add up what calls have cost",
        answer=Costs,
        lists="costs",
        query=CostFilter,
        tag="money",
    ),
    Route(
        method="GET",
        path="/api/v1/budgets",
        action="resource.read",
        handler=budgets,
        summary="List how budgets stand",
        answer=Budgets,
        lists="budgets",
        tag="money",
    ),
)
