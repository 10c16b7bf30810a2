"""The engine: DuckDB in the process that asks it.

DuckDB is a stateless engine here: no database file, no extension, no network.
It runs on 1.5.5 and on 2.x.
"""

import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from roadbed.adapters.history.duckdb.drafts import spill, sweep
from roadbed.core.errors import Corrupt, NotFound, NotReady
from roadbed.gateway.history import (
    FACTS,
    FAILED,
    CallQuery,
    Span,
    Spend,
    Tally,
    conditions,
    no_copy,
)
from roadbed.gateway.series import GROWTH
from roadbed.inference.record import MIRRORED, CallRecord, Payload

ROW_GROUP = 16_384
ZSTD_LEVEL = 3
_TYPES = {
    str: "VARCHAR",
    int: "BIGINT",
    dict[str, float]: "MAP(VARCHAR, DOUBLE)",
    dict[str, str]: "MAP(VARCHAR, VARCHAR)",
    dict[str, int]: "MAP(VARCHAR, BIGINT)",
}
_SHAPES: dict[str, type[msgspec.Struct]] = {"calls": CallRecord, "payloads": Payload}
_SMALLEST_OBJECT = 16 * 1024 * 1024
_SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1GB",
    "preserve_insertion_order": "true",
    "temp_directory": "",  # or it would spill into the current folder
}
_Kept = TypeVar("_Kept", CallRecord, Payload)


class DuckDBHistory:
    """A `gateway.history.History` on local files. Safe to share between threads."""

    def __init__(self, *, threads: int = 2) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._base: Any = None

    def write(self, dataset: str, lines: Iterable[bytes], target: Path) -> int:
        """Write JSON *lines* as zstd Parquet to *target*, in their order."""
        sweep(target)
        scratch = target.with_name(target.name + ".ndjson")
        try:
            return self.copy(dataset, scratch, spill(lines, scratch), target)
        finally:
            scratch.unlink(missing_ok=True)

    def copy(self, dataset: str, lines: Path, longest: int, target: Path) -> int:
        """Write a file of JSON *lines*, the *longest* of this length, to *target*."""
        fields = ", ".join(f"{n!r}: {t!r}" for n, t in _columns(dataset).items())
        source = (
            f"read_json({_pattern(lines)}, format='newline_delimited', "
            f"compression='uncompressed', columns={{{fields}}}, "
            f"maximum_object_size={max(2 * longest, _SMALLEST_OBJECT)})"
        )
        return self._copy(
            f"COPY (SELECT * FROM {source}) TO {_text(target)} (FORMAT parquet, "
            f"COMPRESSION zstd, COMPRESSION_LEVEL {ZSTD_LEVEL}, "
            f"ROW_GROUP_SIZE {ROW_GROUP})",
            target,
        )

    def find(self, file: Path, call_id: str) -> CallRecord | None:
        """Return one call of a `calls` file."""
        found = self._select(CallRecord, [file], "WHERE call_id = ?", [call_id])
        return found[0] if found else None

    def payload(self, file: Path, call_id: str) -> Payload | None:
        """Return one payload of a `payloads` file."""
        found = self._select(Payload, [file], "WHERE call_id = ?", [call_id])
        return found[0] if found else None

    def search(self, files: Sequence[Path], query: CallQuery) -> list[CallRecord]:
        """Return the newest calls that match, newest first."""
        where, values = conditions(query, _plain)
        tail = f"WHERE {where} ORDER BY ts DESC, call_id DESC LIMIT ?"
        return self._select(CallRecord, files, tail, [*values, query.limit])

    def records(self, file: Path) -> list[CallRecord]:
        """Return every call of a file, in the order of (ts, call_id)."""
        return self._select(CallRecord, [file], "ORDER BY ts, call_id", [])

    def payloads(self, file: Path) -> list[Payload]:
        """Return every payload of a file, in the order of (ts, call_id)."""
        return self._select(Payload, [file], "ORDER BY ts, call_id", [])

    def tally(self, files: Sequence[Path], span: Span) -> list[Tally]:
        """Count the calls of *span* in its steps, by facts and latency."""
        if not files:
            return []
        failed = ", ".join(f"'{status}'" for status in FAILED)
        where, values = span.conditions(_plain)
        rows = self._run(
            f"SELECT {', '.join(FACTS)}, ts // ? * ? AS at_us, "
            f"floor(ln(greatest(latency_us, 1)) / ln({GROWTH}))::BIGINT AS bucket, "
            f"count(*), count(*) FILTER (status IN ({failed})) FROM {_parquet(files)} "
            f"WHERE {where} AND {no_copy(_plain)} GROUP BY ALL",
            [span.step_us, span.step_us, *values],
            files=files,
        )
        names = (*FACTS, "at_us", "bucket", "calls", "errors")
        return [Tally(**dict(zip(names, row, strict=True))) for row in rows]

    def spend(self, files: Sequence[Path], span: Span, label: str) -> list[Spend]:
        """Add up the cost of the calls of *span*, by facts, principal and *label*."""
        if not files:
            return []
        facts = (*FACTS, "principal")
        known = ", ".join(f"coalesce({name}, '') AS {name}" for name in facts)
        where, values = span.conditions(_plain)
        rows = self._run(
            f"SELECT {known}, coalesce(list_extract(map_extract(labels, ?), 1), '') "
            f"AS label, coalesce(arm, '') = '{MIRRORED}' AS mirrored, "
            "ts // ? * ? AS at_us, count(*), count(*) FILTER (status = 'ok' "
            "AND coalesce(price, '') = ''), coalesce(sum(cost_nano), 0)::BIGINT, "
            "sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT "
            f"FROM {_parquet(files)} WHERE {where} GROUP BY ALL",
            [label, span.step_us, span.step_us, *values],
            files=files,
        )
        names = (*facts, "label", "mirrored", "at_us", "calls", "unpriced")
        names += ("cost_nano", "input_tokens", "output_tokens")
        return [Spend(**dict(zip(names, row, strict=True))) for row in rows]

    def close(self) -> None:
        """Let go of DuckDB's memory; the next question opens it again."""
        with self._lock:
            base, self._base = self._base, None
        if base is not None:
            base.close()

    def _select(
        self, shape: type[_Kept], files: Sequence[Path], tail: str, values: list[Any]
    ) -> list[_Kept]:
        if not files:
            return []
        names = [field.name for field in msgspec.structs.fields(shape)]
        source = _parquet(files, "calls" if shape is CallRecord else "payloads")
        query = f"SELECT {', '.join(names)} FROM {source} {tail}"
        rows = self._run(query, values, files=files)
        return [_shaped(shape, names, row) for row in rows]

    def _copy(self, statement: str, target: Path) -> int:
        """Run a COPY. What goes wrong is the disk's fault, not that of the calls."""
        import duckdb

        try:
            with self._cursor() as cursor:
                return cursor.execute(statement).fetchall()[0][0]
        except duckdb.Error as error:
            raise NotReady(
                f"the history could not write {target.name}: {_reason(error)}",
                hint="look for free space; nothing was lost, it will be tried again",
            ) from None

    def _run(
        self, query: str, values: list[Any] | None = None, *, files: Sequence[Path]
    ) -> list[Any]:
        import duckdb

        try:
            with self._cursor() as cursor:
                return cursor.execute(query, values or []).fetchall()
        except duckdb.Error as error:
            raise _translate(error, files) from None

    def _cursor(self) -> Any:
        import duckdb

        with self._lock:
            if self._base is None:
                settings = _SETTINGS | {"threads": self._threads}
                self._base = duckdb.connect(":memory:", config=settings)
            return self._base.cursor()


def _plain(name: str) -> str:
    return name


def _columns(dataset: str) -> dict[str, str]:
    hints = get_type_hints(_SHAPES[dataset])
    return {name: _TYPES[hint] for name, hint in hints.items()}


def _parquet(files: Sequence[Path], dataset: str = "calls") -> str:
    """Return the rows of *files*; a column that is younger than a file is empty there.

    None of the files may have it, so the rows are put together with none of all.
    """
    listed = ", ".join(map(_pattern, files))
    rows = f"read_parquet([{listed}], hive_partitioning=false, union_by_name=true)"
    empty = ", ".join(f"NULL::{t} AS {n}" for n, t in _columns(dataset).items())
    none = f"SELECT * FROM (SELECT {empty}) WHERE false"
    return f"(SELECT * FROM {rows} UNION ALL BY NAME {none})"


def _shaped(shape: type[_Kept], names: list[str], row: Sequence[Any]) -> _Kept:
    """Return a row in its *shape*; what it has no value for is as if not said."""
    pairs = zip(names, row, strict=True)
    return shape(**{name: value for name, value in pairs if value is not None})


def _text(path: Path) -> str:
    """Spell *path* as an SQL text."""
    return _quote(str(path.absolute()))


def _pattern(path: Path) -> str:
    """Spell *path* as an SQL text in which no character stands for others."""
    return _quote(re.sub(r"[\[*?]", r"[\g<0>]", str(path.absolute())))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:200]


def _translate(error: Exception, files: Sequence[Path]) -> Exception:
    """Say which of *files* is missing or damaged, and nothing of the statement."""
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return NotReady("the history needs more memory than it may have")
    for file in files:
        if not file.exists():
            return NotFound(f"the history has no file {file.name}")
    names = ", ".join(file.name for file in files[:3])
    return Corrupt(f"the history cannot be read ({names}): {_reason(error)}")
