"""Small things that all tables of tracking need: batches and tags."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from roadbed.registry.tracking.grammar import ABSENCE, Condition
from roadbed.registry.tracking.where import text

MOST = 5_000
"""How many parameters one statement may have, with room to spare."""

T = TypeVar("T")


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return *items* in pieces that one statement can name."""
    for at in range(0, len(items), MOST):
        yield items[at : at + MOST]


def tagged(
    condition: Condition,
    mine: sa.ColumnElement[bool],
    value: sa.ColumnElement[Any],
    dialect: str,
) -> sa.ColumnElement[bool]:
    """Return whether there is a tag that *mine* finds, with a *value* as is said."""
    if condition.operator in ABSENCE:
        there = sa.exists().where(mine)
        return ~there if condition.operator == "IS NULL" else there
    return sa.exists().where(sa.and_(mine, text(condition, value, dialect)))
