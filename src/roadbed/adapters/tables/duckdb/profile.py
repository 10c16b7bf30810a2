"""How the values of each column are distributed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roadbed.adapters.tables.duckdb.session import (
    Session,
    parquet,
    quoted,
    sealed,
    text,
)
from roadbed.ports.tables import Bins, Column, Profile

QUANTILES = (0.01, 0.05, *(n / 10 for n in range(1, 10)), 0.95, 0.99)
_TOP = 10
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL")
_TIMES = ("DATE", "TIMESTAMP")
# A type is looked up without its first U: UINTEGER, UUID.
_OTHERS = ("VARCHAR", "BOOLEAN", "ENUM", "UID")


def profiles(files: Sequence[Path], but: Collection[str] = ()) -> dict[str, Profile]:
    """Return the distribution of each column of *files* but those named."""
    with _engine(files) as session:
        columns = [c for c in session.describe(parquet(files)) if c.name not in but]
        chosen = [sql for column in columns for sql in _measures(column)]
        (row,) = session.run(f"SELECT {', '.join(['count(*)', *chosen])} FROM t")
        rows, values = row[0], iter(row[1:])
        found = {c.name: _profile(c, rows, values) for c in columns}
    tops = {n: [tuple(v for v, _ in p.top)] for n, p in found.items() if p.top}
    counted = count_bins(files, tops)
    return {
        name: profile
        if name not in counted
        else _with_counts(profile, counted[name][0])
        for name, profile in found.items()
    }


def count_bins(
    files: Sequence[Path], edges: Mapping[str, Sequence[tuple[Any, ...]]]
) -> dict[str, list[Bins]]:
    """Count the values of columns of *files* in bins."""
    with _engine(files) as session:
        columns = {c.name: c for c in session.describe(parquet(files))}
        return {
            name: [_bins(session, columns[name], e) for e in some]
            for name, some in edges.items()
        }


@contextmanager
def _engine(files: Sequence[Path]) -> Iterator[Session]:
    """Open an engine with the view `t`. One thread: sketches come out the same."""
    with sealed(files, threads=1) as session:
        session.run(f"CREATE VIEW t AS SELECT * FROM {parquet(files)}")
        yield session


def _is(column: Column, kinds: tuple[str, ...]) -> bool:
    datatype = column.datatype.removeprefix("U")
    return datatype.startswith(kinds) and not datatype.endswith("]")


def _number(column: Column) -> str:
    """Return the SQL of a column as a finite number, empty if it is none."""
    name = quoted(column.name)
    if _is(column, _TIMES):
        number = f"epoch({name})"
    elif _is(column, _NUMBERS):
        number = f"{name}::DOUBLE"
    else:
        return ""
    return f"(CASE WHEN isfinite({number}) THEN {number} END)"


def _measures(column: Column) -> Iterator[str]:
    name = quoted(column.name)
    yield f"count({name})"
    if number := _number(column):
        yield from (f"min({number})", f"max({number})", f"avg({number})")
        yield f"approx_quantile({number}, {list(QUANTILES)})"
    elif _is(column, _OTHERS):
        yield f"approx_top_k({name}::VARCHAR, {_TOP})"


def _profile(column: Column, rows: int, values: Iterator[Any]) -> Profile:
    known = next(values)
    if _number(column):
        least, most, mean, quantiles = (next(values) for _ in range(4))
        return Profile(
            rows=rows,
            nulls=rows - known,
            least=least,
            most=most,
            mean=mean,
            quantiles=tuple(quantiles or ()),
        )
    top = (next(values) or ()) if _is(column, _OTHERS) else ()
    counted = tuple((value, 0) for value in top)
    return Profile(rows=rows, nulls=rows - known, top=counted)


def _with_counts(profile: Profile, bins: Bins) -> Profile:
    pairs = sorted(
        zip(bins.edges, bins.counts, strict=False), key=lambda p: (-p[1], p[0])
    )
    return Profile(rows=profile.rows, nulls=profile.nulls, top=tuple(pairs))


def _bins(session: Session, column: Column, edges: tuple[Any, ...]) -> Bins:
    """Count one column, one scan of it: many counts in one SELECT take far longer."""
    if number := _number(column):
        value, tests = number, [f"v <= {edge!r}::DOUBLE" for edge in edges]
    else:
        value = f"{quoted(column.name)}::VARCHAR"
        tests = [f"v = {text(edge)}" for edge in edges]
    cases = " ".join(f"WHEN {test} THEN {at}" for at, test in enumerate(tests))
    found = session.run(
        f"SELECT CASE {cases or 'WHEN false THEN 0'} ELSE {len(edges)} END AS bin, "
        f"count(*) FROM (SELECT {value} AS v FROM t) WHERE v IS NOT NULL GROUP BY bin"
    )
    counts = dict(found)
    return Bins(
        edges=edges, counts=tuple(counts.get(at, 0) for at in range(len(edges) + 1))
    )
