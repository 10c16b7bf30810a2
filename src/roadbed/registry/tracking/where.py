"""Searches as SQL: comparisons, orders, and where a page ends."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.core.digest import digest_of, short
from roadbed.core.errors import Invalid
from roadbed.registry.tracking.grammar import ABSENCE, Condition, Order

Expression = sa.ColumnElement[Any]
_NUMERIC = frozenset({"=", "!=", "<", "<=", ">", ">="})
_TEXTUAL = frozenset({"=", "!=", "LIKE", "ILIKE"})
_LISTED = _TEXTUAL | {"IN", "NOT IN"}


def number(condition: Condition, column: Expression) -> Expression:
    """Return the comparison of a *column* of numbers; raise Invalid for a text."""
    value = condition.value
    if not isinstance(value, int | float):
        raise Invalid(
            f"Expected numeric value type for {condition.kind} {condition.key!r}. "
            f"Found {str(value)[:80]}"
        )
    _among(condition, _NUMERIC)
    if isinstance(value, int) and abs(value) >= 2**63:
        value = float(value)
    return _compared(condition.operator, column, value)


def text(condition: Condition, column: Expression, dialect: str) -> Expression:
    """Return the comparison of a *column* of texts; raise Invalid for a number."""
    value = condition.value
    if isinstance(value, tuple):
        _among(condition, _LISTED)
        found = column.in_(value)
        return ~found if condition.operator == "NOT IN" else found
    if not isinstance(value, str):
        raise Invalid(
            f"Expected a quoted string value for {condition.kind} {condition.key!r}. "
            f"Found {str(value)[:80]}",
            hint="put texts between single or double quotes",
        )
    _among(condition, _LISTED)
    if condition.operator == "LIKE":
        return _like(column, value, dialect)
    if condition.operator == "ILIKE":
        return sa.func.lower(column).like(value.lower(), escape=_escape(dialect))
    return _compared(condition.operator, column, value)


def pair(
    condition: Condition, table: sa.Table, owner: Expression, dialect: str
) -> Expression:
    """Return whether *owner* has the key of the condition in *table*, as it says."""
    mine = sa.and_(table.c[0] == owner, table.c.key == condition.key)
    if condition.operator in ABSENCE:
        there = sa.exists().where(mine)
        return ~there if condition.operator == "IS NULL" else there
    if condition.kind == "metric":
        compared = number(condition, table.c.value)
        if condition.operator == "!=":  # NaN is not equal to anything
            compared = compared | table.c.value.is_(None)
    else:
        _among(condition, _TEXTUAL)
        compared = text(condition, table.c.value, dialect)
    return sa.exists().where(sa.and_(mine, compared))


@dataclass(frozen=True, slots=True)
class Term:
    """One expression of an order; it is never NULL, so that a page can go on."""

    expression: Expression
    descending: bool = False


def nullable(expression: Expression, descending: bool, instead: Any) -> list[Term]:
    """Return the terms of an expression that may be NULL: those come last."""
    last = sa.case((expression.is_(None), 1), else_=0)
    return [Term(last), Term(sa.func.coalesce(expression, instead), descending)]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page of a search is: how long, after what, in which order.

    `search` is everything that makes this search; a token of another one is refused.
    """

    limit: int
    token: str
    terms: Sequence[Term]
    search: Any

    def of(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Return *query* for this page, with one row more than it holds."""
        shown = [t.expression.label(f"_{n}") for n, t in enumerate(self.terms)]
        orders = [
            t.expression.desc() if t.descending else t.expression.asc()
            for t in self.terms
        ]
        if self.token:
            query = query.where(_after(self.terms, self._place()))
        query = query.add_columns(*shown).order_by(*orders)
        return query.limit(self.limit + 1)

    def cut(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[Any], str]:
        """Return the rows of the page, and the token of the next one or nothing."""
        kept = list(rows[: self.limit])
        if len(rows) <= self.limit or not kept:
            return kept, ""
        return kept, self.after(kept[-1])

    def after(self, row: Mapping[str, Any]) -> str:
        """Return the token of what follows *row*."""
        place = [row[f"_{n}"] for n in range(len(self.terms))]
        told = json.dumps([self._named(), *place]).encode()
        return base64.urlsafe_b64encode(told).decode()

    def _named(self) -> str:
        return short(digest_of(self.search))

    def _place(self) -> list[Any]:
        try:
            named, *place = json.loads(base64.urlsafe_b64decode(self.token.encode()))
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise _no_token() from None
        sound = len(place) == len(self.terms) and named == self._named()
        if not sound or not all(_is_plain(value) for value in place):
            raise _no_token()
        return place


def orders(texts: Sequence[Order], allowed: Mapping[str, Any], kind: str) -> None:
    """Raise Invalid unless all attributes among *texts* are *allowed*."""
    for order in texts:
        if order.kind == "attribute" and order.key not in allowed:
            raise Invalid(
                f"Invalid order_by entity {order.key[:80]!r} for {kind}",
                hint=f"order by {', '.join(sorted(allowed))}",
            )


def unknown(condition: Condition | Order, known: Sequence[str]) -> Invalid:
    """Return the error for a field that there is none of."""
    return Invalid(
        f"Invalid {condition.kind} key {condition.key[:80]!r} specified",
        hint=f"there are: {', '.join(sorted(known))}",
    )


def _after(terms: Sequence[Term], place: Sequence[Any]) -> Expression:
    """Return what is later in the order than *place*."""
    later: list[Expression] = []
    equal: list[Expression] = []
    for term, value in zip(terms, place, strict=True):
        column = term.expression
        beyond = column < value if term.descending else column > value
        later.append(sa.and_(*equal, beyond))
        equal.append(column == value)
    return sa.or_(*later)


def _compared(operator: str, column: Expression, value: Any) -> Expression:
    return {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
    }[operator]()


def _like(column: Expression, pattern: str, dialect: str) -> Expression:
    """Compare with regard to case, which SQLite's LIKE does not."""
    if dialect != "sqlite":
        return column.like(pattern, escape=_escape(dialect))
    plain = re.sub(r"[\[*?]", lambda m: f"[{m[0]}]", pattern)
    return column.op("GLOB")(plain.replace("%", "*").replace("_", "?"))


def _escape(dialect: str) -> str | None:
    return None if dialect == "sqlite" else ""


def _among(condition: Condition, allowed: frozenset[str]) -> None:
    if condition.operator not in allowed:
        raise Invalid(
            f"Invalid comparator {condition.operator!r} for {condition.kind} "
            f"{condition.key[:80]!r}",
            hint=f"it can be compared by {', '.join(sorted(allowed))}",
        )


def _is_plain(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) < 2**63
    return (isinstance(value, str) and "\x00" not in value) or isinstance(value, float)


def _no_token() -> Invalid:
    return Invalid(
        "Invalid page token",
        hint="pass the next_page_token of the same search, as it came",
    )
