"""Tables as Parquet, written and read by DuckDB alone.

One thread writes, so the same rows always become the same bytes.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from roadbed.adapters.tables.duckdb.compare import changes
from roadbed.adapters.tables.duckdb.cut import ends
from roadbed.adapters.tables.duckdb.found import found
from roadbed.adapters.tables.duckdb.judge import judge
from roadbed.adapters.tables.duckdb.load import load, refuse_what_parquet_cannot_hold
from roadbed.adapters.tables.duckdb.profile import count_bins, profiles
from roadbed.adapters.tables.duckdb.session import (
    ZONED,
    Session,
    parquet,
    quoted,
    session,
    text,
)
from roadbed.core.errors import Invalid, NotReady
from roadbed.ports.tables import (
    Bins,
    Changes,
    Column,
    Judged,
    Part,
    Profile,
    Rule,
    Written,
)

ROWS_PER_PART = 100_000


class DuckdbTables:
    """Writes and reads Parquet with DuckDB, without pyarrow.

    Rows are cut into parts of about *rows_per_part*, where the rows themselves say
    so: data of which some rows changed, came or went shares its other parts with
    the version before.
    """

    def __init__(self, rows_per_part: int = ROWS_PER_PART) -> None:
        self._rows_per_part = rows_per_part

    def write(self, source: Any, folder: Path, key: Sequence[str] = ()) -> Written:
        """Write *source* into *folder* as `00000.parquet` and so on.

        Column types are those of the source; of a CSV or JSON Lines, what all its
        values fit. In a pandas frame NaN means missing and becomes NULL; elsewhere
        None does, and NaN stays a number. The index of a frame is not kept.
        Raises Invalid, naming the column, if the source is no clean table.
        """
        with session(folder) as opened:
            load(opened, source, folder)
            refuse_what_parquet_cannot_hold(opened.describe("source"))
            parts, start = [], 0
            for end in ends(opened, self._rows_per_part, key):
                file = folder / f"{len(parts):05d}.parquet"
                parts.append(_part(opened, file, start, end))
                start = end
            columns = opened.describe(parquet([parts[0].file]))
        return Written(columns=columns, parts=tuple(parts))

    def frame(self, files: Sequence[Path]) -> Any:
        """Return the rows of *files* as one pandas frame, missing values as its own."""
        if find_spec("pandas") is None:
            raise NotReady(
                "a frame needs pandas, which is not installed",
                hint="install Roadbed with its extra `sklearn`, or read plain columns",
            )
        with session() as opened:
            return opened.frame(f"SELECT * FROM {parquet(files)}")

    def columns(self, files: Sequence[Path]) -> dict[str, list[Any]]:
        """Return the rows of *files* as plain lists, missing values as None."""
        with session() as opened:
            columns = opened.describe(parquet(files))
            chosen = ", ".join(_readable(column) for column in columns)
            rows = opened.run(f"SELECT {chosen} FROM {parquet(files)}")
        lists = zip(*rows, strict=True) if rows else ([] for _ in columns)
        return {
            column.name: [_in_utc(v) for v in values]
            if column.datatype == ZONED
            else list(values)
            for column, values in zip(columns, lists, strict=True)
        }

    def rows(
        self, files: Sequence[Path], names: Sequence[str] = (), batch: int = 1000
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield the rows of *files*, at most *batch* at a time, by one thread."""
        with session() as opened:
            opened.run("SET threads = 1")
            known = {c.name: c for c in opened.describe(parquet(files))}
            if unknown := [name for name in names if name not in known]:
                raise Invalid(
                    f"there is no column {unknown[0]!r}",
                    hint=f"the columns are {', '.join(known)}"[:300],
                )
            wanted = [known[name] for name in names or known]
            chosen = ", ".join(_readable(column) for column in wanted)
            zoned = [at for at, c in enumerate(wanted) if c.datatype == ZONED]
            for rows in opened.stream(f"SELECT {chosen} FROM {parquet(files)}", batch):
                yield [_zoned(row, zoned) for row in rows] if zoned else rows

    def found(
        self,
        files: Sequence[Path],
        alternatives: Sequence[Sequence[str]],
        rows: Sequence[Sequence[Any]],
    ) -> set[int]:
        """Return which of *rows* are among the rows of *files*, from one SELECT."""
        return found(files, alternatives, rows)

    def same(self, left: Sequence[Path], right: Sequence[Path]) -> bool:
        """Say whether both hold the same rows in the same order, whatever the bytes.

        Another version of DuckDB, or other parts, make other bytes of equal rows.
        """
        with session() as opened:
            opened.run("SET threads = 1")
            columns = opened.describe(parquet(left))
            if columns != opened.describe(parquet(right)):
                return False
            counts = [
                opened.run(f"SELECT count(*) FROM {parquet(files)}")
                for files in (left, right)
            ]
            if counts[0] != counts[1]:
                return False
            names = [quoted(column.name) for column in columns]
            differs = " OR ".join(f"l.{n} IS DISTINCT FROM r.{n}" for n in names)
            (counted,) = opened.run(
                f"SELECT count(*) FROM {parquet(left)} l "
                f"POSITIONAL JOIN {parquet(right)} r WHERE {differs}"
            )
        return counted == (0,)

    def judge(self, files: Sequence[Path], rules: Sequence[Rule]) -> list[Judged]:
        """Return for each rule how many rows break it, from one aggregate SELECT."""
        return judge(files, rules)

    def changes(
        self, left: Sequence[Path], right: Sequence[Path], key: Sequence[str]
    ) -> Changes:
        """Return how the rows differ, from one SELECT over both."""
        return changes(left, right, key)

    def profiles(self, files: Sequence[Path]) -> dict[str, Profile]:
        """Return the distribution of each column, from one SELECT."""
        return profiles(files)

    def bins(
        self, files: Sequence[Path], edges: Mapping[str, Sequence[tuple[Any, ...]]]
    ) -> dict[str, list[Bins]]:
        """Count the values of columns in bins, one SELECT for each list."""
        return count_bins(files, edges)


def _part(opened: Session, file: Path, start: int, end: int) -> Part:
    opened.run(
        f"COPY (SELECT * FROM source WHERE rowid >= {start} AND rowid < {end} "
        f"ORDER BY rowid) TO {text(file)} "
        "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
    )
    return Part(file=file, rows=end - start)


def _readable(column: Column) -> str:
    if column.datatype == ZONED:
        return f"timezone('UTC', {quoted(column.name)})"
    return quoted(column.name)


def _zoned(row: tuple[Any, ...], zoned: Sequence[int]) -> tuple[Any, ...]:
    return tuple(_in_utc(v) if at in zoned else v for at, v in enumerate(row))


def _in_utc(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else moment.replace(tzinfo=dt.UTC)
