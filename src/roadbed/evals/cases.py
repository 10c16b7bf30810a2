"""Reads the cases of a golden set, a few rows at a time."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from roadbed.core.errors import Invalid
from roadbed.data.datasets import Datasets
from roadbed.data.version import DatasetVersion
from roadbed.evals.case import Case
from roadbed.evals.kinds import Cases
from roadbed.ports.tables import Tables

BATCH = 1000
_OPTIONAL = ("expected", "id", "tags", "weight", "cluster", "provenance")
_TEXTS = (str, timedelta, UUID)


def count(version: DatasetVersion) -> int:
    """Return how many cases the golden set *version* has: one for each row."""
    return version.rows


def read_cases(
    datasets: Datasets, version: DatasetVersion, cases: Cases, *, repeated: bool = False
) -> Iterator[Case]:
    """Yield the cases of *version* in their order, a batch of rows in memory.

    A text column is JSON if every value in it is a JSON object, array or quoted text;
    else it is text. Fields without value in nested objects are left out. A case
    without an id of its own has its row number, counted from 1. Ids may come
    twice only if *repeated*.

    Raises Invalid before the first case for columns that are not there, and at a
    row that is no case, naming the row and the column.
    """
    columns = _columns(version, cases)
    names = list(dict.fromkeys(name for some in columns.values() for name in some))
    files = datasets.paths(version)
    tables = datasets.tables
    texts = [c.name for c in version.schema if c.datatype in ("VARCHAR", "JSON")]
    as_json = json_columns(tables, files, [n for n in names if n in texts])
    seen: set[str] = set()
    number = 0
    for rows in tables.rows(files, names, BATCH):
        for row in rows:
            number += 1
            values = dict(zip(names, row, strict=True))
            known = set[str]() if repeated else seen
            yield _Row(str(version), number, values, as_json).case(columns, known)


def _columns(version: DatasetVersion, cases: Cases) -> dict[str, list[str]]:
    """Return which columns each field is read from; raise Invalid for missing ones."""
    known = {column.name for column in version.schema}
    found = {"input": [cases.input] if isinstance(cases.input, str) else cases.input}
    for name in _OPTIONAL:
        column = getattr(cases, name)
        asked = name in cases.model_fields_set or column in known
        found[name] = [column] if asked else []
    if version.tree or not found["input"]:
        lacks = "is a tree of files" if version.tree else "has no columns of input"
        raise Invalid(f"{version} {lacks}", hint="a golden set is a table of cases")
    if missing := [n for names in found.values() for n in names if n not in known]:
        raise Invalid(
            f"{version} has no column {missing[0]!r}",
            hint="say under `cases` which columns to read, of "
            f"{', '.join(sorted(known))}"[:300],
        )
    return found


def json_columns(
    tables: Tables, files: Sequence[Path], names: Sequence[str]
) -> set[str]:
    """Return which text columns hold nothing but JSON, and some of it."""
    left = dict.fromkeys(names, False)
    for rows in tables.rows(files, names, BATCH) if names else ():
        for row in rows:
            for name, value in zip(names, row, strict=True):
                if name in left and value is not None:
                    left[name] = True
                    if not is_json(value):
                        del left[name]
        if not left:
            break
    return {name for name, some in left.items() if some}


def is_json(text: str) -> bool:
    """Say whether *text* is a JSON object, array or quoted text."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


class _Row:
    """One row of a golden set, read as a case."""

    def __init__(
        self, where: str, number: int, values: dict[str, Any], as_json: set[str]
    ) -> None:
        self._where = where
        self._number = number
        self._values = values
        self._as_json = as_json

    def case(self, columns: Mapping[str, list[str]], seen: set[str]) -> Case:
        names = columns["input"]
        given: Any = {name: self._value(name) for name in names}
        if len(names) == 1 and (given := given[names[0]]) is None:
            raise self._wrong(names[0], "is empty", "each case asks something")
        one = {field: (some or [""])[0] for field, some in columns.items()}
        return Case(
            id=self._id(one["id"], seen),
            input=given,
            expected=self._value(one["expected"]),
            tags=self._tags(one["tags"]),
            weight=self._weight(one["weight"]),
            cluster=self._word(one["cluster"]),
            provenance=self._provenance(one["provenance"]),
        )

    def _value(self, name: str) -> Any:
        value = self._values.get(name)
        if name in self._as_json and value is not None:
            return json.loads(value)
        try:
            return plain(value)
        except TypeError:
            kind = type(value).__name__
            raise self._wrong(name, f"is {kind}, which is no JSON") from None

    def _id(self, name: str, seen: set[str]) -> str:
        found = self._word(name) or str(self._number)
        if found in seen:
            raise self._wrong(
                name or "id", f"repeats {found!r}", "no two cases have one id"
            )
        seen.add(found)
        return found

    def _word(self, name: str) -> str:
        value = self._value(name)
        if isinstance(value, list | dict):
            raise self._wrong(name, "is no single value")
        return "" if value is None else str(value)

    def _tags(self, name: str) -> tuple[str, ...]:
        value = self._value(name)
        if value is None:
            return ()
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self._wrong(name, "is no list of tags", "write them as easy, german")
        return tuple(dict.fromkeys(tag for tag in value if tag))

    def _weight(self, name: str) -> float:
        value = self._value(name)
        if value is None:
            return 1.0
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or value < 0:
            raise self._wrong(name, "is no weight", "a number from 0 upwards")
        return float(value)

    def _provenance(self, name: str) -> Mapping[str, Any]:
        value = self._value(name)
        if value is None:
            return {}
        return value if isinstance(value, dict) else {"source": value}

    def _wrong(self, name: str, what: str, hint: str = "") -> Invalid:
        return Invalid(
            f"row {self._number} of {self._where}: column {name!r} {what}", hint=hint
        )


def plain(value: Any) -> Any:
    """Return *value* as plain JSON; raise TypeError for bytes and the like."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, _TEXTS):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(type(value).__name__)
