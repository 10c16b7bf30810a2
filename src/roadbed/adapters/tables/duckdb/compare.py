"""How the rows of two tables differ: one SELECT, within bounded memory."""

from collections.abc import Sequence
from pathlib import Path

from roadbed.adapters.tables.duckdb.session import Session, parquet, quoted, sealed
from roadbed.core.errors import Invalid
from roadbed.ports.tables import Changes

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL")
Pair = tuple[str, str, str]
"""The name of a column that both sides have, and it as SQL of the left and right."""


def changes(left: Sequence[Path], right: Sequence[Path], key: Sequence[str]) -> Changes:
    """Return how the rows of *right* differ from those of *left*."""
    with sealed([*left, *right]) as session:
        for name, files in (("l", left), ("r", right)):
            session.run(f"CREATE VIEW {name} AS SELECT * FROM {parquet(files)}")
        pairs = _pairs(session)
        if not key:
            return _whole(session, pairs)
        known = {name for name, _, _ in pairs}
        if missing := [name for name in key if name not in known]:
            raise Invalid(
                f"there is no column {missing[0]!r} in both, so it is no key",
                hint=f"both have {', '.join(sorted(known))}"[:300],
            )
        return _by_key(session, pairs, key)


def _pairs(session: Session) -> list[Pair]:
    """Return the columns of both. Of two types the values are compared as text, of
    two types of number as numbers."""
    right = {c.name: c.datatype for c in session.describe("r")}
    pairs = []
    for column in session.describe("l"):
        if column.name not in right:
            continue
        name, types = quoted(column.name), {column.datatype, right[column.name]}
        cast = "" if len(types) == 1 else "::DOUBLE" if _numbers(types) else "::VARCHAR"
        pairs.append((column.name, f"l.{name}{cast}", f"r.{name}{cast}"))
    return pairs


def _numbers(types: set[str]) -> bool:
    return all(t.lstrip("U").startswith(_NUMBERS) for t in types)


def _whole(session: Session, pairs: list[Pair]) -> Changes:
    """Count rows as often as they are there: a row twice is not a row once."""
    names = [f"c{at}" for at in range(len(pairs))]
    chosen = [
        ", ".join(f"{pair[side]} AS {n}" for n, pair in zip(names, pairs, strict=True))
        for side in (1, 2)
    ]
    grouped = ", ".join(names)
    ((added, removed),) = session.run(
        "SELECT coalesce(sum(n) FILTER (WHERE n > 0), 0)::BIGINT, "
        "coalesce(-sum(n) FILTER (WHERE n < 0), 0)::BIGINT FROM ("
        f"SELECT sum(s) AS n FROM (SELECT -1 AS s, {chosen[0]} FROM l "
        f"UNION ALL SELECT 1 AS s, {chosen[1]} FROM r) GROUP BY {grouped})"
        if pairs
        else "SELECT (SELECT count(*) FROM r), (SELECT count(*) FROM l)"
    )
    return Changes(added=added, removed=removed)


def _by_key(session: Session, pairs: list[Pair], key: Sequence[str]) -> Changes:
    joined = [pair for pair in pairs if pair[0] in key]
    values = [pair for pair in pairs if pair[0] not in key]
    for side, called in ((1, "left"), (2, "right")):
        _must_be_unique(session, side, called, [pair[side] for pair in joined])
    both = "l.__here AND r.__here"
    differs = [f"{a} IS DISTINCT FROM {b}" for _, a, b in values]
    counts = [
        "count(*) FILTER (WHERE l.__here IS NULL)",
        "count(*) FILTER (WHERE r.__here IS NULL)",
        f"count(*) FILTER (WHERE {both} AND ({' OR '.join(differs) or 'false'}))",
        *(f"count(*) FILTER (WHERE {both} AND {wrong})" for wrong in differs),
    ]
    on = " AND ".join(f"{a} IS NOT DISTINCT FROM {b}" for _, a, b in joined)
    (row,) = session.run(
        f"SELECT {', '.join(counts)} FROM (SELECT *, true AS __here FROM l) l "
        f"FULL JOIN (SELECT *, true AS __here FROM r) r ON {on}"
    )
    added, removed, changed, *each = row
    columns = {pair[0]: n for pair, n in zip(values, each, strict=True)}
    return Changes(added=added, removed=removed, changed=changed, columns=columns)


def _must_be_unique(
    session: Session, side: int, called: str, columns: Sequence[str]
) -> None:
    table = "lr"[side - 1]
    ((repeated,),) = session.run(
        f"SELECT count(*) FROM (SELECT 1 FROM {table} "
        f"GROUP BY {', '.join(columns)} HAVING count(*) > 1)"
    )
    if repeated:
        raise Invalid(
            f"the key is not unique: on the {called} {repeated} keys are of several "
            "rows",
            hint="name more columns, or compare whole rows with no key",
        )
