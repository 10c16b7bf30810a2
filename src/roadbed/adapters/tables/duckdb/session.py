"""An empty engine for one piece of work, and SQL as text.

Only calls that DuckDB 1.5 and 2.0 both have are used, and no extension is loaded.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.ports.tables import Column

HINT = (
    "give a pandas frame, an Arrow table, a dict of columns, or a .csv, .jsonl or "
    ".parquet file"
)
ZONED = "TIMESTAMP WITH TIME ZONE"
_MEMORY = "1GB"
_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


class Session:
    """One connection to an empty engine."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of *query*."""
        return self._connection.execute(query, list(values)).fetchall()

    def stream(self, query: str, batch: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of *query*, at most *batch* at a time."""
        result = self._connection.execute(query)
        while rows := result.fetchmany(batch):
            yield rows

    def frame(self, query: str) -> Any:
        """Return all rows of *query* as a pandas frame."""
        return self._connection.execute(query).df()

    def register(self, name: str, frame: Any) -> None:
        """Let SQL read a frame, or an Arrow stream, under *name*."""
        self._connection.register(name, frame)

    def describe(self, relation: str) -> tuple[Column, ...]:
        """Return the columns of *relation*."""
        rows = self.run(f"DESCRIBE SELECT * FROM {relation}")
        return tuple(Column(row[0], row[1]) for row in rows)

    def one_select(self, query: str) -> bool:
        """Say whether *query* is a single SELECT, without running it."""
        import duckdb

        try:
            found = self._connection.extract_statements(query)
        except duckdb.Error:
            return False
        return [s.type for s in found] == [duckdb.StatementType.SELECT]


@contextmanager
def session(folder: Path | None = None) -> Iterator[Session]:
    """Open an engine: to write, with one thread and room to spill in *folder*."""
    import duckdb

    connection = duckdb.connect(config=dict(_CONFIG))
    try:
        opened = Session(connection)
        opened.run("SET TimeZone = 'UTC'")
        if folder is not None:
            opened.run("SET threads = 1")
            opened.run(f"SET temp_directory = {text(folder / 'spill')}")
        yield opened
    except duckdb.Error as error:
        message = " ".join(str(error).replace(f"{folder}/", "").split("\n")[:2])
        raise Invalid(f"the table cannot be read: {message}", hint=HINT) from None
    finally:
        connection.close()


@contextmanager
def sealed(files: Sequence[Path], threads: int = 0) -> Iterator[Session]:
    """Open an engine that reads *files* and nothing else, within 1 GB of memory.

    What does not fit is spilled into a folder that is gone afterwards. With
    *threads* it uses no more of them.
    """
    with (
        tempfile.TemporaryDirectory(prefix="roadbed-") as folder,
        session() as opened,
    ):
        allowed = ", ".join(text(file) for file in files)
        opened.run(f"SET temp_directory = {text(Path(folder) / 'spill')}")
        opened.run(f"SET memory_limit = '{_MEMORY}'")
        if threads:
            opened.run(f"SET threads = {threads:d}")
        opened.run(f"SET allowed_paths = [{allowed}]")
        opened.run("SET enable_external_access = false")
        opened.run("SET lock_configuration = true")
        yield opened


def parquet(files: Sequence[Path]) -> str:
    """Return the relation of all rows of *files*."""
    return f"read_parquet([{', '.join(text(file) for file in files)}])"


def quoted(name: str) -> str:
    """Return *name* as SQL writes the name of a column."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """Return *value* as SQL writes a text."""
    return "'" + str(value).replace("'", "''") + "'"
