"""Budgets as a snapshot holds them: compiled once, looked at by every call."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from roadbed.core.resource import tenant_of
from roadbed.gateway.kinds import Budget
from roadbed.gateway.money.scope import Scope, scope_of
from roadbed.gateway.money.window import Period, Window, window_of
from roadbed.inference.call import Call

NANO = 10**9
_FOR_EVER = 2**63
_NEVER = (_FOR_EVER, 0)


class Key(NamedTuple):
    """What is counted together: a budget, in one window, of one run if it says so."""

    budget: str
    since_us: int
    run: str = ""

    def __str__(self) -> str:
        return f"{self.budget}/{self.since_us}/{self.run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """One budget: whose calls, how much in how long, and who is told when."""

    name: str
    tenant: str
    amount: int
    period: Period
    scope: Scope
    refuses: bool = True
    marks: tuple[int, ...] = (50, 80, 100)
    seen: dict[str, tuple[int, int]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The window that was looked at last, from and until when."""

    @property
    def cap(self) -> int | None:
        """The most that may be spent, None if nothing is refused."""
        return self.amount if self.refuses else None

    def window(self, at_us: int) -> Window:
        """Return the window that *at_us* lies in."""
        return window_of(self.period, at_us)

    def key_of(self, call: Call, at_us: int) -> Key:
        """Return under what *call* is counted."""
        run = run_of(call.run) if self.scope.run else ""
        since_us, until_us = self.seen.get(self.period, _NEVER)
        if not since_us <= at_us < until_us:
            window = self.window(at_us)
            since_us, until_us = window.since_us, window.until_us or _FOR_EVER
            self.seen[self.period] = since_us, until_us
        return Key(self.name, since_us, run)


def run_of(run: str) -> str:
    """Return a run's name as a key has it: what is long or odd, by its digest."""
    plain = run.isascii() and run.replace("-", "").replace("_", "").isalnum()
    if plain and len(run) <= 64:
        return run
    return "~" + hashlib.sha256(run.encode("utf-8", "replace")).hexdigest()[:32]


def rules_of(
    contents: Iterable[Mapping[str, Any]], names: Mapping[str, str]
) -> tuple[BudgetRule, ...]:
    """Return the budgets with these contents, in the order of their names.

    *names* gives the name that a principal has for the one that the stack writes.
    """
    rules = [_rule(content, names) for content in contents]
    return tuple(sorted(rules, key=lambda rule: rule.name))


def _rule(content: Mapping[str, Any], names: Mapping[str, str]) -> BudgetRule:
    spec = Budget(**content["spec"])
    tenant = tenant_of(content)
    written = spec.scope.principal or ""
    scope = scope_of(spec.scope.model_dump(), tenant, names.get(written, written))
    return BudgetRule(
        name=content["metadata"]["name"],
        tenant=tenant,
        amount=nano(spec.amount),
        period=spec.period,
        scope=scope,
        refuses=spec.on_exhausted == "refuse",
        marks=tuple(sorted(spec.alerts)),
    )


def nano(dollars: str) -> int:
    """Return US dollars, as decimal text, in whole billionths, rounded down."""
    return int(Decimal(dollars) * NANO)


def dollars(amount_nano: int) -> str:
    """Return billionths of a US dollar as decimal text, exactly, cents at least."""
    sign = "-" if amount_nano < 0 else ""
    whole, rest = divmod(abs(amount_nano), NANO)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"
