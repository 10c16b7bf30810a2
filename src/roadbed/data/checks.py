"""What must hold of a dataset's rows before a version exists, as a team declares it."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from roadbed.ports.tables import Rule

Value = bool | int | float | str
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LOOKAROUND = re.compile(r"\(\?<?[=!]|\\[1-9]")


class RowRange(BaseModel):
    """How many rows there may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    min: int = Field(default=0, ge=0, description="The least number of rows.")
    max: int | None = Field(default=None, ge=0, description="The most rows.")


class Check(BaseModel):
    """One or more things that must hold of a column, of rows, or of the table.

    A missing value breaks `not_null` and nothing else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: str | None = Field(default=None, description="The column it is about.")
    columns: list[str] = Field(
        default_factory=list,
        description="Several columns, for `unique` and `not_null`.",
    )
    not_null: bool = Field(default=False, description="No value is missing.")
    unique: bool = Field(
        default=False,
        description="No two rows have the same value, or the same values together.",
    )
    min: Value | None = Field(default=None, description="The least value.")
    max: Value | None = Field(default=None, description="The greatest value.")
    in_set: list[Value] | None = Field(
        default=None, min_length=1, description="The values that there may be."
    )
    matches: str | None = Field(
        default=None,
        description="A regular expression (RE2) that the whole text matches.",
    )
    fresh: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,4}[mhd]$",
        description="How old the newest moment in the column may be, such as 7d.",
    )
    rows: RowRange | None = Field(default=None, description="How many rows.")
    sql: str | None = Field(
        default=None,
        min_length=1,
        description="An SQL expression that is not false of any row.",
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        of_columns = self.column is not None or bool(self.columns)
        alone = [self.rows is not None, self.sql is not None, of_columns]
        if sum(alone) != 1:
            raise ValueError("a check is of column, of columns, of rows, or is sql")
        single = (self.min, self.max, self.in_set, self.matches, self.fresh)
        asked = [value for value in single if value is not None]
        if asked and self.column is None:
            raise ValueError("min, max, in_set, matches and fresh are of one `column`")
        if of_columns and not (asked or self.not_null or self.unique):
            raise ValueError("say what must hold of the column, such as not_null: true")
        if self.matches is not None:
            _check_pattern(self.matches)
        return self

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write what was said and nothing else, so that a new field changes nothing."""
        said = self.model_fields_set
        return {name: value for name, value in handler(self).items() if name in said}

    def rules(self, now: datetime) -> Iterator[Rule]:
        """Yield the rules that this says, with ages counted from *now*."""
        names = tuple(self.columns or ([self.column] if self.column else []))
        if self.rows is not None:
            yield _of_rows(self.rows)
        if self.sql is not None:
            yield Rule(what="sql", value=self.sql, told=self.sql)
        if self.not_null:
            for name in names:
                told = f"{name} is not null"
                yield Rule(what="not_null", columns=(name,), told=told)
        if self.unique:
            told = f"{', '.join(names)} is unique"
            yield Rule(what="unique", columns=names, told=told)
        yield from _of_values(self, names, now)


def rules_of(checks: Iterable[Check], now: datetime) -> tuple[Rule, ...]:
    """Return all rules that *checks* say, in their order."""
    return tuple(rule for check in checks for rule in check.rules(now))


def _of_rows(rows: RowRange) -> Rule:
    most = "" if rows.max is None else f" and at most {rows.max}"
    told = f"there are at least {rows.min}{most} rows"
    return Rule(what="rows", value=(rows.min, rows.max), told=told)


def _of_values(check: Check, names: tuple[str, ...], now: datetime) -> Iterator[Rule]:
    told: dict[str, tuple[str, Any]] = {
        "min": ("is at least", check.min),
        "max": ("is at most", check.max),
        "in_set": ("is one of", check.in_set and tuple(check.in_set)),
        "matches": ("matches", check.matches),
    }
    for what, (words, value) in told.items():
        if value is not None:
            shown = ", ".join(map(str, value)) if what == "in_set" else value
            said = f"{names[0]} {words} {shown}"[:200]
            yield Rule(what=what, columns=names, value=value, told=said)
    if check.fresh is not None:
        age = timedelta(**{_UNITS[check.fresh[-1]]: int(check.fresh[:-1])})
        since = (now - age).isoformat(timespec="seconds")
        said = f"{names[0]} is at most {check.fresh} old"
        yield Rule(what="fresh", columns=names, value=since, told=said)


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    if _LOOKAROUND.search(pattern):
        raise ValueError("RE2 knows neither look-around nor back-references")
