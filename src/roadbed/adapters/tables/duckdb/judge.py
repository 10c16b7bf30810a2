"""Do rows keep the rules? All rules are asked in one aggregate SELECT."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from roadbed.adapters.tables.duckdb.session import (
    Session,
    parquet,
    quoted,
    sealed,
    text,
)
from roadbed.core.errors import Invalid
from roadbed.ports.tables import Judged, Rule

_EXAMPLES = 5
_FLOATS = ("FLOAT", "DOUBLE")


def judge(files: Sequence[Path], rules: Sequence[Rule]) -> list[Judged]:
    """Return for each rule how many rows of *files* break it."""
    if not rules:
        return []
    with sealed(files) as session:
        columns = {c.name: c.datatype for c in session.describe(parquet(files))}
        for rule in rules:
            _check(session, rule, columns, files)
        counts = ", ".join(_count(rule, columns) for rule in rules)
        (row,) = session.run(f"SELECT {counts} FROM {parquet(files)}")
        return [
            Judged(
                rule=rule,
                failing=failing,
                examples=tuple(_examples(session, files, rule, columns))
                if failing
                else (),
            )
            for rule, failing in zip(rules, row, strict=True)
        ]


def _check(
    session: Session, rule: Rule, columns: dict[str, str], files: Sequence[Path]
) -> None:
    """Raise Invalid, naming the rule, if it cannot be asked of these columns."""
    import duckdb

    if unknown := [name for name in rule.columns if name not in columns]:
        raise Invalid(
            f"the check {rule.told!r} is of {unknown[0]!r}, which is no column",
            hint=f"the columns are {', '.join(columns)}"[:300],
        )
    if rule.what == "sql" and not session.one_select(f"SELECT {rule.value}"):
        raise Invalid(
            f"the check {rule.told!r} is no SQL predicate",
            hint="write one expression that is true or false of a row",
        )
    try:
        session.run(f"SELECT {_count(rule, columns)} FROM {parquet(files)} LIMIT 0")
    except duckdb.Error as error:
        reason = str(error).split("\n", 1)[0]
        raise Invalid(
            f"the check {rule.told!r} cannot be asked: {reason}",
            hint="change the check in the stack, or the type of the column",
        ) from None


def _count(rule: Rule, columns: dict[str, str]) -> str:
    """Return the SQL aggregate that counts what breaks *rule*."""
    if rule.what == "rows":
        least, most = rule.value
        wrong = f"count(*) < {least or 0:d}"
        if most is not None:
            wrong += f" OR count(*) > {most:d}"
        return f"CASE WHEN {wrong} THEN greatest(count(*), 1) ELSE 0 END"
    if rule.what == "fresh":
        newest = f"max({quoted(rule.columns[0])}::TIMESTAMPTZ)"
        late = f"{newest} IS NULL OR {newest} < {text(rule.value)}::TIMESTAMPTZ"
        return f"CASE WHEN {late} THEN greatest(count(*), 1) ELSE 0 END"
    if rule.what == "unique":
        whole = " AND ".join(f"{quoted(c)} IS NOT NULL" for c in rule.columns)
        values = ", ".join(map(quoted, rule.columns))
        where = f"FILTER (WHERE {whole})"
        return f"(count(*) {where}) - (count(DISTINCT row({values})) {where})"
    return f"count(*) FILTER (WHERE {_broken(rule, columns)})"


def _broken(rule: Rule, columns: dict[str, str]) -> str:
    """Return the SQL that is true of a row that breaks *rule*. What is missing does
    not, but for not_null."""
    if rule.what == "sql":
        return f"NOT coalesce((\n{rule.value}\n), true)"
    name = quoted(rule.columns[0])
    broken = _ROWS[rule.what](name, rule.value)
    if rule.what in ("min", "max") and columns[rule.columns[0]] in _FLOATS:
        broken = f"{broken} OR isnan({name})"
    return f"coalesce({broken}, false)"


def _in_set(name: str, values: Sequence[Any]) -> str:
    return f"{name} NOT IN ({', '.join(map(_literal, values))})"


_ROWS: dict[str, Callable[[str, Any], str]] = {
    "not_null": lambda name, _: f"{name} IS NULL",
    "min": lambda name, value: f"{name} < {_literal(value)}",
    "max": lambda name, value: f"{name} > {_literal(value)}",
    "in_set": _in_set,
    "matches": lambda name, value: f"NOT regexp_full_match({name}, {text(value)})",
}


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{text(repr(value))}::DOUBLE"
    return str(value) if isinstance(value, int) else text(value)


def _examples(
    session: Session, files: Sequence[Path], rule: Rule, columns: dict[str, str]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the first rows that break *rule*; of repeated ones, the repetitions."""
    if rule.what in ("rows", "fresh"):
        return
    names = [quoted(name) for name in (rule.columns or columns)]
    numbered = f"SELECT *, row_number() OVER () AS __row FROM {parquet(files)}"
    if rule.what == "unique":
        keys = ", ".join(names)
        whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
        query = (
            f"SELECT * FROM (SELECT __row, {keys}, row_number() OVER "
            f"(PARTITION BY {keys} ORDER BY __row) AS __nth FROM ({numbered}) "
            f"WHERE {whole}) WHERE __nth > 1"
        )
    else:
        broken = _broken(rule, columns)
        query = f"SELECT __row, {', '.join(names)} FROM ({numbered}) WHERE {broken}"
    shown = ", ".join(f"{name}::VARCHAR" for name in names)
    found = f"SELECT __row, {shown} FROM ({query}) ORDER BY __row LIMIT {_EXAMPLES}"
    for number, *values in session.run(found):
        yield number, tuple(values)
