"""What may be spent and asked, compiled from what is declared for a snapshot."""

from typing import Any

from roadbed.control.readable import resolved
from roadbed.control.state import State
from roadbed.gateway.money.limits import LimitRule, limits_of
from roadbed.gateway.money.rule import BudgetRule, rules_of
from roadbed.identity.directory import Directory


def budgets_of(state: State, directory: Directory) -> tuple[BudgetRule, ...]:
    """Return the budgets that are declared, their people named as principals are."""
    contents = [budget.content for budget in state.of("Budget")]
    return rules_of(contents, _names(contents, directory))


def rate_limits_of(state: State, directory: Directory) -> tuple[LimitRule, ...]:
    """Return the rate limits that are declared, people named as principals are."""
    contents = [limit.content for limit in state.of("RateLimit")]
    return limits_of(contents, _names(contents, directory))


def _names(contents: list[Any], directory: Directory) -> dict[str, str]:
    """Return the names of the principals that scopes name, by how they are written.

    Nobody has the name of a person whose provider is not declared.
    """
    written = [c["spec"]["scope"].get("principal") or "" for c in contents]
    found = {name: resolved([name], directory) for name in written if name}
    return {name: (who[0] if who else "user:") for name, who in found.items()}
