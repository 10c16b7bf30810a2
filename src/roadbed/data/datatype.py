"""Which SQL type a column of plain Python values has, and which names it may bear."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from roadbed.core.errors import Invalid

_TYPES: dict[type, str] = {
    bool: "BOOLEAN",
    int: "BIGINT",
    float: "DOUBLE",
    str: "VARCHAR",
    bytes: "BLOB",
    dt.date: "DATE",
    dt.datetime: "TIMESTAMP",
    Decimal: "DECIMAL(38,9)",
}
_WORDS = {"BIGINT": "whole numbers", "DOUBLE": "numbers", "VARCHAR": "texts"}
_INTEGERS = range(-(2**63), 2**63)


def check_names(names: Sequence[Any]) -> None:
    """Raise Invalid unless *names* are non-empty texts, no two of them alike.

    Names that differ only in case are alike: SQL engines cannot tell them apart.
    """
    if not names:
        raise Invalid("a table has at least one column")
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise Invalid(
                f"{name!r} is no name of a column",
                hint="name every column with a text",
            )
        if name.casefold() in seen:
            raise Invalid(
                f"two columns are called {seen[name.casefold()]!r} and {name!r}",
                hint="give each column a name of its own; case makes no difference",
            )
        seen[name.casefold()] = name


def check_lengths(columns: Mapping[str, Sequence[Any]]) -> None:
    """Raise Invalid unless all *columns* have as many values as the first."""
    first, *others = columns
    for name in others:
        if len(columns[name]) != len(columns[first]):
            raise Invalid(
                f"column {name!r} has {len(columns[name])} values, "
                f"but {first!r} has {len(columns[first])}"
            )


def of_values(name: str, values: Iterable[Any]) -> str:
    """Return the SQL type that all *values* of the column *name* fit.

    None fits every type; a column of nothing else is VARCHAR. Whole numbers and
    fractions together are DOUBLE. Raises Invalid for any other mixture.
    """
    types = {_type(name, value) for value in values if value is not None}
    if types == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    if len(types) > 1:
        raise _mixed(name, types)
    return types.pop() if types else "VARCHAR"


def wider(name: str, known: str | None, found: str) -> str:
    """Return the type of a column that was *known* so far, now that it holds *found*.

    Raises Invalid as `of_values` does.
    """
    types = {known or found, found}
    if types == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    if len(types) > 1:
        raise _mixed(name, types)
    return found


def _mixed(name: str, types: Iterable[str]) -> Invalid:
    mixture = " and ".join(sorted(_WORDS.get(t, t) for t in types))
    return Invalid(
        f"column {name!r} mixes {mixture}",
        hint="convert the column to one type before the snapshot",
    )


def _type(name: str, value: Any) -> str:
    kind = next((_TYPES[t] for t in type(value).__mro__ if t in _TYPES), None)
    if kind is None:
        raise Invalid(
            f"column {name!r} holds a {type(value).__name__}, which is not kept",
            hint="numbers, texts, booleans, bytes, dates and times can be kept",
        )
    if kind == "BIGINT" and value not in _INTEGERS:
        raise Invalid(f"column {name!r} holds {value}, which 64 bits cannot hold")
    if isinstance(value, Decimal):
        _check_decimal(name, value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return "TIMESTAMP WITH TIME ZONE"
    return kind


def _check_decimal(name: str, value: Decimal) -> None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -9 or value.adjusted() > 28:
        raise Invalid(
            f"column {name!r} holds {value}, which a decimal with 29 digits before "
            "and 9 after the point cannot hold",
            hint="round it, or convert the column to floating point or to text",
        )
