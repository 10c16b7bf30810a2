"""What a dataset version can be made of, and what is recorded of where it came from."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadbed.core.digest import digest, digest_stream
from roadbed.core.secret import Secret
from roadbed.data.tree import File, Tree, pieces, rows, walk
from roadbed.database.reading import reading
from roadbed.ports.tables import Rule


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT and the database that answers it, as `secret://…` says.

    `url` is resolved shortly before the query is asked, and kept nowhere.
    """

    sql: str
    database: str
    url: Secret = field(repr=False)


def _silent(label: str, total: int) -> Callable[[int], None]:
    return lambda step: None


Tell = Callable[[str, int], Callable[[int], None]]
"""Told what begins and how many steps it has; returns what is told of each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a version is to be made: its key, the rules it must keep, and its parents.

    With `masked` a refusal shows no values. `parents` are versions, such as
    `tumors@1`, and `run_id` is the run that makes it.
    """

    key: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    masked: bool = False
    parents: tuple[str, ...] = ()
    run_id: str = ""
    tell: Tell = _silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source that is open: rows for the engine, what is recorded, and its files."""

    rows: Any
    record: Mapping[str, Any]
    files: tuple[File, ...] = ()


@contextmanager
def opened(source: Any) -> Iterator[Opened]:
    """Open *source*; raise Invalid if there is no such thing."""
    if isinstance(source, Tree):
        files = walk(source.folder)
        record = {"kind": "folder", "name": source.folder.resolve().name}
        yield Opened(rows=rows(files), record=record, files=tuple(files))
    elif isinstance(source, Query):
        record = {
            "kind": "query",
            "database": source.database,
            "sql": source.sql,
            "digest": digest(source.sql.encode()),
        }
        with reading(source.url.reveal(), source.sql) as stream:
            yield Opened(rows=stream, record=record)
    elif isinstance(source, str | Path):
        yield Opened(rows=source, record=_of_file(Path(source)))
    else:
        module, name = type(source).__module__.partition(".")[0], type(source).__name__
        kind = name if module == "builtins" else f"{module}.{name}"
        yield Opened(rows=source, record={"kind": "memory", "name": kind})


def _of_file(file: Path) -> dict[str, Any]:
    known: dict[str, Any] = {"kind": "file", "name": file.name}
    if file.is_file():
        known |= {"digest": digest_stream(pieces(file)), "bytes": file.stat().st_size}
    return known
