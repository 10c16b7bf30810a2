"""Tables as Parquet, written and read by DuckDB alone.

One thread writes, so the same rows always become the same bytes. Only calls that
DuckDB 1.5 and 2.0 both have are used, and no extension is ever loaded.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from roadbed.core.errors import Invalid, NotReady
from roadbed.data.datatype import check_lengths, check_names, of_values
from roadbed.ports.tables import Column, Part, Written

ROWS_PER_PART = 250_000
_BATCH = 100_000
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_ZONED = "TIMESTAMP WITH TIME ZONE"
_NUMPY_TYPES = {
    "b1": "BOOLEAN",
    "f2": "FLOAT",
    "f4": "FLOAT",
    "f8": "DOUBLE",
    "i1": "TINYINT",
    "i2": "SMALLINT",
    "i4": "INTEGER",
    "i8": "BIGINT",
    "u1": "UTINYINT",
    "u2": "USMALLINT",
    "u4": "UINTEGER",
    "u8": "UBIGINT",
}
_NOT_IN_PARQUET = ("HUGEINT", "UHUGEINT", "BIGNUM", "VARINT")
_HINT = "give a pandas frame, a dict of columns, or a .csv or .parquet file"


class DuckdbTables:
    """Writes and reads Parquet with DuckDB, without pyarrow.

    Rows are cut into parts of *rows_per_part*, so that data which only grew
    shares its older parts with the version before.
    """

    def __init__(self, rows_per_part: int = ROWS_PER_PART) -> None:
        self._rows_per_part = rows_per_part

    def write(self, source: Any, folder: Path) -> Written:
        """Write *source* into *folder* as `00000.parquet` and so on.

        Column types are those of the source; of a CSV, what all its values fit.
        In a pandas frame NaN means missing and becomes NULL; elsewhere None does,
        and NaN stays a number. The index of a frame is not kept.
        Raises Invalid, naming the column, if the source is no clean table.
        """
        with _session(folder) as session:
            _load(session, source, folder)
            _refuse_what_parquet_cannot_hold(session.describe("source"))
            total = session.run("SELECT count(*) FROM source")[0][0]
            starts = range(0, max(total, 1), self._rows_per_part)
            parts = [self._part(session, folder, at, total) for at in starts]
            columns = session.describe(_parquet([parts[0].file]))
        return Written(columns=columns, parts=tuple(parts))

    def frame(self, files: Sequence[Path]) -> Any:
        """Return the rows of *files* as one pandas frame, missing values as its own."""
        if find_spec("pandas") is None:
            raise NotReady(
                "a frame needs pandas, which is not installed",
                hint="install Roadbed with its extra `sklearn`, or read plain columns",
            )
        with _session() as session:
            return session.frame(f"SELECT * FROM {_parquet(files)}")

    def columns(self, files: Sequence[Path]) -> dict[str, list[Any]]:
        """Return the rows of *files* as plain lists, missing values as None."""
        with _session() as session:
            columns = session.describe(_parquet(files))
            chosen = ", ".join(_readable(column) for column in columns)
            rows = session.run(f"SELECT {chosen} FROM {_parquet(files)}")
        lists = zip(*rows, strict=True) if rows else ([] for _ in columns)
        return {
            column.name: [_in_utc(v) for v in values]
            if column.datatype == _ZONED
            else list(values)
            for column, values in zip(columns, lists, strict=True)
        }

    def same(self, left: Sequence[Path], right: Sequence[Path]) -> bool:
        """Say whether both hold the same rows in the same order, whatever the bytes.

        Another version of DuckDB, or other parts, make other bytes of equal rows.
        """
        with _session() as session:
            session.run("SET threads = 1")
            columns = session.describe(_parquet(left))
            if columns != session.describe(_parquet(right)):
                return False
            counts = [
                session.run(f"SELECT count(*) FROM {_parquet(files)}")
                for files in (left, right)
            ]
            if counts[0] != counts[1]:
                return False
            names = [_quoted(column.name) for column in columns]
            differs = " OR ".join(f"l.{n} IS DISTINCT FROM r.{n}" for n in names)
            (found,) = session.run(
                f"SELECT count(*) FROM {_parquet(left)} l "
                f"POSITIONAL JOIN {_parquet(right)} r WHERE {differs}"
            )
        return found == (0,)

    def _part(self, session: "_Session", folder: Path, at: int, total: int) -> Part:
        end = min(at + self._rows_per_part, total)
        file = folder / f"{at // self._rows_per_part:05d}.parquet"
        session.run(
            f"COPY (SELECT * FROM source WHERE rowid >= {at} AND rowid < {end} "
            f"ORDER BY rowid) TO {_text(file)} "
            "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
        )
        return Part(file=file, rows=end - at)


class _Session:
    """One connection to an empty engine; every result is fetched whole."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, list(values)).fetchall()

    def frame(self, query: str) -> Any:
        return self._connection.execute(query).df()

    def register(self, name: str, frame: Any) -> None:
        self._connection.register(name, frame)

    def describe(self, relation: str) -> tuple[Column, ...]:
        rows = self.run(f"DESCRIBE SELECT * FROM {relation}")
        return tuple(Column(row[0], row[1]) for row in rows)


@contextmanager
def _session(folder: Path | None = None) -> Iterator[_Session]:
    """Open an engine: to write, with one thread and room to spill in *folder*."""
    import duckdb

    connection = duckdb.connect(config=dict(_CONFIG))
    try:
        session = _Session(connection)
        session.run("SET TimeZone = 'UTC'")
        if folder is not None:
            session.run("SET threads = 1")
            session.run(f"SET temp_directory = {_text(folder / 'spill')}")
        yield session
    except duckdb.Error as error:
        message = " ".join(str(error).replace(f"{folder}/", "").split("\n")[:2])
        raise Invalid(f"the table cannot be read: {message}", hint=_HINT) from None
    finally:
        connection.close()


def _load(session: _Session, source: Any, folder: Path) -> None:
    """Make the table `source`, with its rows in the order they have."""
    if isinstance(source, str | Path):
        _load_file(session, Path(source), folder)
    elif isinstance(source, Mapping):
        _load_columns(session, dict(source))
    elif type(source).__module__.partition(".")[0] == "pandas":
        _load_frame(session, source)
    else:
        name = type(source).__name__
        raise Invalid(f"a {name} is no table that can be kept", hint=_HINT)


def _load_file(session: _Session, path: Path, folder: Path) -> None:
    if not path.is_file():
        raise Invalid(f"there is no file {path.name!r}", hint=_HINT)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    # A link with a plain name: the engine would read `*` and `[1]` as patterns.
    link = folder / ("source" + "".join(suffixes[-2:]))
    link.symlink_to(path.resolve())
    if ".parquet" in suffixes[-1:]:
        check_names(_parquet_names(session, link))
        relation = _parquet([link])
    elif {".csv", ".tsv"} & set(suffixes[-2:]):
        relation = _csv(session, link)
    else:
        raise Invalid(f"{path.name!r} is neither CSV nor Parquet", hint=_HINT)
    session.run(f"CREATE TABLE source AS SELECT * FROM {relation}")


def _csv(session: _Session, file: Path) -> str:
    """Return the relation of a CSV file whose first line names the columns.

    Only the signs are guessed: left to itself, the engine skips lines at the top
    that do not look like the rest, and rows would be lost in silence.
    """
    found = "SELECT Delimiter, Quote, Escape FROM sniff_csv"
    delimiter, quote, escape = session.run(f"{found}({_text(file)})")[0]
    dialect = f"skip = 0, comment = '', delim = {_text(delimiter)}"
    for word, sign in (("quote", quote), ("escape", escape)):
        dialect += f", {word} = {_text(sign if len(sign) == 1 else chr(34))}"
    header = session.run(
        f"SELECT * FROM read_csv({_text(file)}, header = false, "
        f"all_varchar = true, {dialect}) LIMIT 1"
    )
    check_names(header[0] if header else ())
    return f"read_csv({_text(file)}, header = true, sample_size = -1, {dialect})"


def _parquet_names(session: _Session, file: Path) -> list[str]:
    """Return the names of the top-level columns as the file has them, unmended."""
    query = f"SELECT name, num_children FROM parquet_schema({_text(file)})"
    rows = iter(session.run(query))
    _, children = next(rows)
    names = []
    for _ in range(children or 0):
        name, below = next(rows)
        names.append(name)
        waiting = below or 0
        while waiting:
            waiting += (next(rows)[1] or 0) - 1
    return names


def _load_columns(session: _Session, columns: dict[str, Any]) -> None:
    check_names(list(columns))
    types = {name: _type_of(name, values) for name, values in columns.items()}
    lists = {name: _plain(values) for name, values in columns.items()}
    check_lengths(lists)
    declared = ", ".join(f"{_quoted(n)} {t}" for n, t in types.items())
    session.run(f"CREATE TABLE source ({declared})")
    for at in range(0, len(next(iter(lists.values()))), _BATCH):
        batch = [values[at : at + _BATCH] for values in lists.values()]
        pairs = list(map(_unnested, types.values(), batch))
        chosen = ", ".join(sql for sql, _ in pairs)
        session.run(f"INSERT INTO source SELECT {chosen}", [v for _, v in pairs])


def _unnested(datatype: str, values: list[Any]) -> tuple[str, list[Any]]:
    """Return the SQL that makes rows of a list, and the list as it is handed over.

    DuckDB 1.5 reads NaN as NULL, but not when it is spelled out.
    """
    if datatype in ("FLOAT", "DOUBLE") and any(v != v for v in values):
        spelled = [None if v is None else repr(float(v)) for v in values]
        return f"unnest(?::VARCHAR[])::{datatype}", spelled
    return f"unnest(?::{datatype}[])", values


def _load_frame(session: _Session, frame: Any) -> None:
    frame = frame.to_frame() if frame.ndim == 1 else frame
    check_names(list(frame.columns))
    loose = [n for n in frame.columns if _is_loose(frame[n].dtype)]
    lists = [_with_none(frame[name]) for name in loose]
    typed = frame.drop(columns=loose)
    relation = "frame"
    if loose:
        casts = ", ".join(
            f"unnest(?::{of_values(name, values)}[]) AS {_quoted(name)}"
            for name, values in zip(loose, lists, strict=True)
        )
        relation = f"(SELECT {casts})"
        if len(typed.columns):
            relation = f"frame POSITIONAL JOIN {relation}"
    if len(typed.columns):
        session.register("frame", typed)
    order = ", ".join(_quoted(name) for name in frame.columns)
    session.run(f"CREATE TABLE source AS SELECT {order} FROM {relation}", lists)


def _is_loose(dtype: Any) -> bool:
    """Say whether values of this pandas type are Python's own, of any kind."""
    return dtype.kind == "O" and str(dtype) != "str"


def _with_none(series: Any) -> list[Any]:
    """Return the values of a pandas column, with None for everything missing."""
    missing = series.isna().tolist()
    pairs = zip(series.tolist(), missing, strict=True)
    return [None if gone else _scalar(value) for value, gone in pairs]


def _type_of(name: str, values: Any) -> str:
    """Return the SQL type of a column given as a list or a one-dimensional array."""
    dtype = getattr(values, "dtype", None)
    if dtype is None:
        if isinstance(values, str | bytes) or not isinstance(values, Sequence):
            raise Invalid(f"column {name!r} is no list of values", hint=_HINT)
        return of_values(name, map(_scalar, values))
    if values.ndim != 1:
        raise Invalid(
            f"column {name!r} has {values.ndim} dimensions; a column has one",
            hint="give each column of the array a name of its own",
        )
    known = _NUMPY_TYPES.get(getattr(dtype, "str", "")[1:])
    return known or of_values(name, _plain(values))


def _plain(values: Any) -> list[Any]:
    """Return an array or list as a list of Python's own values."""
    if getattr(getattr(values, "dtype", None), "kind", "") == "M":
        return values.astype("datetime64[us]").tolist()
    if hasattr(values, "tolist"):
        values = values.tolist()
    return [_scalar(value) for value in values]


def _scalar(value: Any) -> Any:
    """Return a NumPy or pandas scalar as Python's own; others as they are."""
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "dtype") else value


def _refuse_what_parquet_cannot_hold(columns: Sequence[Column]) -> None:
    for column in columns:
        if column.datatype in _NOT_IN_PARQUET:
            raise Invalid(
                f"column {column.name!r} is {column.datatype}, "
                "which Parquet cannot hold without loss",
                hint="convert the column to a 64-bit number or to text",
            )


def _readable(column: Column) -> str:
    if column.datatype == _ZONED:
        return f"timezone('UTC', {_quoted(column.name)})"
    return _quoted(column.name)


def _in_utc(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else moment.replace(tzinfo=dt.UTC)


def _parquet(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(_text(file) for file in files)}])"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
