"""Makes the table `source` out of what people have, or refuses it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from roadbed.adapters.tables.duckdb.session import (
    HINT,
    Session,
    parquet,
    quoted,
    text,
)
from roadbed.core.errors import Invalid
from roadbed.data.datatype import check_lengths, check_names, of_values, wider
from roadbed.ports.tables import Column, Stream

_BATCH = 100_000
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
_DATES = "dateformat = '%Y-%m-%d'"
_OTHERWISE = {
    "BIGINT": r"[^0-9]*[0-9][xXbBoO_].*",
    "BOOLEAN": r"(?i) *(?:[tf]|yes|no) *",
    "DATE": " *(?:[0-9]{1,3}[^0-9].*|[^0-9]*)",
    "DOUBLE": r" *[+-]?[0-9]+[eE][0-9]+ *",
    "TIME": ".*",
    "TIMESTAMP": " *(?:[0-9]{1,3}[^0-9].*|[^:]*)",
    "TIMESTAMP WITH TIME ZONE": "[^:]*",
}
"""What the engine takes for a value of a type, by guessing, and would write otherwise.

Whether day or month comes first is anybody's guess where the year does not.
"""
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_TEXTS = re.compile(rf'("(?:[^"]|"")*")|\b(?:{"|".join(_MOMENTS)}|TIME|UUID)(?![\w ])')
"""Types of what JSON has as texts; a name is quoted, or followed by a space."""
_NOT_IN_PARQUET = ("HUGEINT", "UHUGEINT", "BIGNUM", "VARINT")


def load(session: Session, source: Any, folder: Path) -> None:
    """Make the table `source`, with its rows in the order they have."""
    if isinstance(source, str | Path):
        _load_file(session, Path(source), folder)
    elif isinstance(source, Mapping):
        _load_columns(session, dict(source))
    elif type(source).__module__.partition(".")[0] == "pandas":
        _load_frame(session, source)
    elif isinstance(source, Stream):
        _load_stream(session, source)
    elif hasattr(source, "__arrow_c_stream__"):
        _load_arrow(session, source)
    else:
        name = type(source).__name__
        raise Invalid(f"a {name} is no table that can be kept", hint=HINT)


def _load_file(session: Session, path: Path, folder: Path) -> None:
    if not path.is_file():
        raise Invalid(f"there is no file {path.name!r}", hint=HINT)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    # A link with a plain name: the engine would read `*` and `[1]` as patterns.
    link = folder / ("source" + "".join(suffixes[-2:]))
    link.symlink_to(path.resolve())
    if ".parquet" in suffixes[-1:]:
        check_names(_parquet_names(session, link))
        relation = parquet([link])
    elif {".csv", ".tsv"} & set(suffixes[-2:]):
        relation = _csv(session, link)
    elif {".jsonl", ".ndjson"} & set(suffixes[-2:]):
        relation = _json_lines(session, link)
    else:
        raise Invalid(
            f"{path.name!r} is neither CSV nor JSON Lines nor Parquet", hint=HINT
        )
    session.run(f"CREATE TABLE source AS SELECT * FROM {relation}")


def _csv(session: Session, file: Path) -> str:
    """Return the relation of a CSV file whose first line names the columns.

    Only the signs are guessed: left to itself, the engine skips lines at the top
    that do not look like the rest, and rows would be lost in silence.
    """
    found = "SELECT Delimiter, Quote, Escape FROM sniff_csv"
    delimiter, quote, escape = session.run(f"{found}({text(file)})")[0]
    dialect = f"skip = 0, comment = '', delim = {text(delimiter)}"
    for word, sign in (("quote", quote), ("escape", escape)):
        dialect += f", {word} = {text(sign if len(sign) == 1 else chr(34))}"
    header = session.run(
        f"SELECT * FROM read_csv({text(file)}, header = false, "
        f"all_varchar = true, {dialect}) LIMIT 1"
    )
    check_names(header[0] if header else ())
    read = f"read_csv({text(file)}, header = true, sample_size = -1, {_DATES}, "
    plain = f"read_csv({text(file)}, header = true, all_varchar = true, {dialect})"
    kept = ", ".join(
        f"{text(name)}: 'VARCHAR'"
        for name in _texts(session, session.describe(f"{read}{dialect})"), plain)
    )
    return f"{read}{dialect}" + (f", types = {{{kept}}})" if kept else ")")


def _texts(session: Session, columns: Sequence[Column], plain: str) -> list[str]:
    """Return which *columns* stay texts, as *plain* has them: one of theirs is none."""
    doubted = [column for column in columns if column.datatype in _OTHERWISE]
    asked = ", ".join(
        f"bool_or(regexp_full_match({quoted(c.name)}, {text(_OTHERWISE[c.datatype])}))"
        for c in doubted
    )
    found = session.run(f"SELECT {asked} FROM {plain}")[0] if doubted else ()
    return [column.name for column, no in zip(doubted, found, strict=True) if no]


def _json_lines(session: Session, file: Path) -> str:
    """Return the relation of a file with one JSON object on each line.

    A field that is missing, or null, is NULL. A field with values of several types
    is refused: the engine would keep it as JSON text.
    """
    import duckdb

    read = (
        f"read_json({text(file)}, format = 'newline_delimited', records = 'true', "
        f"sample_size = -1, map_inference_threshold = -1, {_DATES}, "
        "ignore_errors = false)"
    )
    try:
        columns = session.describe(read)
    except duckdb.BinderException:
        raise Invalid(
            "a line holds no JSON object with a field",
            hint="JSON Lines has one object on each line, each with named values",
        ) from None
    # The engine would call a second `A` beside `a` by another name, in silence.
    fields = "SELECT DISTINCT unnest(json_keys(json)) FROM read_ndjson_objects"
    check_names(sorted(name for (name,) in session.run(f"{fields}({text(file)})")))
    chosen = []
    for column in columns:
        if "JSON" in column.datatype:
            raise Invalid(
                f"column {column.name!r} mixes values of several types",
                hint="give the field one type on every line",
            )
        plain = '"NULL"' in column.datatype
        chosen.append(quoted(column.name) + ("::VARCHAR" if plain else ""))
    named = (
        f"{sql} AS {quoted(c.name)}" for sql, c in zip(chosen, columns, strict=True)
    )
    types = _json_types(session, read, columns)
    return f"(SELECT {', '.join(named)} FROM {_typed(read, types)})"


def _json_types(
    session: Session, read: str, columns: Sequence[Column]
) -> dict[str, str]:
    """Return the types of the fields: those of *columns*, less those that are guessed.

    A time of day or a UUID is a text, as JSON has it: its value is written otherwise.
    So is a day that does not begin with its year, and one inside a list or an object.
    """
    types = {c.name: _TEXTS.sub(_as_text, c.datatype) for c in columns}
    moments = [column for column in columns if column.datatype in _MOMENTS]
    texts = _texts(session, moments, _typed(read, types))
    kept = {c.name: c.datatype for c in moments if c.name not in texts}
    return types | kept


def _as_text(found: re.Match[str]) -> str:
    return found[1] or "VARCHAR"


def _typed(read: str, types: Mapping[str, str]) -> str:
    listed = ", ".join(f"{text(n)}: {text(t)}" for n, t in types.items())
    return f"{read[:-1]}, columns = {{{listed}}})"


def _parquet_names(session: Session, file: Path) -> list[str]:
    """Return the names of the top-level columns as the file has them, unmended."""
    query = f"SELECT name, num_children FROM parquet_schema({text(file)})"
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


def _load_columns(session: Session, columns: dict[str, Any]) -> None:
    check_names(list(columns))
    types = {name: _type_of(name, values) for name, values in columns.items()}
    lists = {name: _plain(values) for name, values in columns.items()}
    check_lengths(lists)
    declared = ", ".join(f"{quoted(n)} {t}" for n, t in types.items())
    session.run(f"CREATE TABLE source ({declared})")
    for at in range(0, len(next(iter(lists.values()))), _BATCH):
        batch = [values[at : at + _BATCH] for values in lists.values()]
        pairs = list(map(_unnested, types.values(), batch))
        chosen = ", ".join(sql for sql, _ in pairs)
        session.run(f"INSERT INTO source SELECT {chosen}", [v for _, v in pairs])


def _load_stream(session: Session, stream: Stream) -> None:
    """Take rows as they arrive; a column gets its type from all of its values."""
    check_names(list(stream.names))
    types: dict[str, str | None] = dict.fromkeys(stream.names)
    declared = ", ".join(f"{quoted(name)} VARCHAR" for name in stream.names)
    session.run(f"CREATE TABLE source ({declared})")
    for rows in stream.batches:
        lists = [list(values) for values in zip(*rows, strict=True)]
        for name, values in zip(stream.names, lists, strict=bool(rows)):
            _widen(session, types, name, values)
        pairs = [
            _unnested(types[name] or "VARCHAR", values)
            for name, values in zip(stream.names, lists, strict=bool(rows))
        ]
        if pairs:
            chosen = ", ".join(sql for sql, _ in pairs)
            session.run(f"INSERT INTO source SELECT {chosen}", [v for _, v in pairs])


def _widen(
    session: Session, types: dict[str, str | None], name: str, values: list[Any]
) -> None:
    """Give the column *name* a type that *values* fit too."""
    if all(value is None for value in values):
        return
    datatype = wider(name, types[name], of_values(name, values))
    if datatype != (types[name] or "VARCHAR"):
        session.run(f"ALTER TABLE source ALTER {quoted(name)} TYPE {datatype}")
    types[name] = datatype


def _load_arrow(session: Session, source: Any) -> None:
    """Take an Arrow table, batch or stream of any library, by Arrow's C stream."""
    names = getattr(source, "column_names", None) or getattr(source, "columns", ())
    if all(isinstance(name, str) for name in names):
        check_names(list(names) or ["unknown"])
    session.register("frame", source)
    session.run("CREATE TABLE source AS SELECT * FROM frame")
    check_names([column.name for column in session.describe("source")])


def _unnested(datatype: str, values: list[Any]) -> tuple[str, list[Any]]:
    """Return the SQL that makes rows of a list, and the list as it is handed over.

    DuckDB 1.5 reads NaN as NULL, but not when it is spelled out.
    """
    if datatype in ("FLOAT", "DOUBLE") and any(v != v for v in values):
        spelled = [None if v is None else repr(float(v)) for v in values]
        return f"unnest(?::VARCHAR[])::{datatype}", spelled
    return f"unnest(?::{datatype}[])", values


def _load_frame(session: Session, frame: Any) -> None:
    frame = frame.to_frame() if frame.ndim == 1 else frame
    check_names(list(frame.columns))
    loose = [n for n in frame.columns if _is_loose(frame[n].dtype)]
    lists = [_with_none(frame[name]) for name in loose]
    typed = frame.drop(columns=loose)
    relation = "frame"
    if loose:
        casts = ", ".join(
            f"unnest(?::{of_values(name, values)}[]) AS {quoted(name)}"
            for name, values in zip(loose, lists, strict=True)
        )
        relation = f"(SELECT {casts})"
        if len(typed.columns):
            relation = f"frame POSITIONAL JOIN {relation}"
    if len(typed.columns):
        session.register("frame", typed)
    order = ", ".join(quoted(name) for name in frame.columns)
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
            raise Invalid(f"column {name!r} is no list of values", hint=HINT)
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


def refuse_what_parquet_cannot_hold(columns: Sequence[Column]) -> None:
    """Raise Invalid, naming the column, if a type has no like in Parquet."""
    for column in columns:
        if column.datatype in _NOT_IN_PARQUET:
            raise Invalid(
                f"column {column.name!r} is {column.datatype}, "
                "which Parquet cannot hold without loss",
                hint="convert the column to a 64-bit number or to text",
            )
