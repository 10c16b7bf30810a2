"""Keeps budgets, limits and prices about things that are there, and in one tenant."""

from collections.abc import Iterator

from roadbed.control.catalog import Catalog
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.actor import DEFAULT_TENANT
from roadbed.core.errors import Problem
from roadbed.core.resource import tenant_of

SCOPED = ("Budget", "RateLimit")
_NAMED = {"endpoint": "Endpoint", "service_account": "ServiceAccount", "agent": "Agent"}


def scopes_name_what_exists(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A scope names endpoints, accounts and agents that are declared."""
    for loaded in _scoped(stack):
        for field, kind in _NAMED.items():
            name = loaded.content["spec"]["scope"].get(field)
            if name and not stack.declares(kind, name):
                yield loaded.problem(
                    ("spec", "scope", field),
                    f"there is no {kind} {name!r}",
                    "declare it, or name another: nothing would be counted",
                )


def scopes_stay_within_a_tenant(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """Only what belongs to `default` may hold another tenant to something."""
    for loaded in _scoped(stack):
        own = tenant_of(loaded.content)
        other = loaded.content["spec"]["scope"].get("tenant")
        if other and other != own != DEFAULT_TENANT:
            yield loaded.problem(
                ("spec", "scope", "tenant"),
                f"{loaded.resource.metadata.name} belongs to the tenant {own}",
                "leave the tenant out: it counts the calls of its own",
            )


def prices_name_providers(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A price is one of a provider that is declared."""
    for loaded in stack.of("PriceList"):
        for number, price in enumerate(loaded.content["spec"]["prices"]):
            if not stack.declares("Provider", price["provider"]):
                yield loaded.problem(
                    ("spec", "prices", str(number), "provider"),
                    f"there is no provider {price['provider']!r}",
                    "declare it, or correct the name: nothing would be priced",
                )


def _scoped(stack: Stack) -> Iterator[Loaded]:
    for kind in SCOPED:
        yield from stack.of(kind)


RULES = (scopes_name_what_exists, scopes_stay_within_a_tenant, prices_name_providers)
