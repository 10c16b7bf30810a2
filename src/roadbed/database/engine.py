"""Open the database, read from it, and write to it one transaction at a time."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from roadbed.core.errors import Invalid

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=15000",
    "PRAGMA foreign_keys=ON",
    # Checkpoints happen under the write lock only; see docs/decisions/002.
    "PRAGMA wal_autocheckpoint=0",
    # What is deleted is gone from the file too.
    "PRAGMA secure_delete=ON",
)
_CHECKPOINT_EVERY = 64


class Database:
    """A database whose writers never meet.

    On SQLite a write takes a process-shared file lock around `BEGIN IMMEDIATE`,
    and checkpoints only inside it. On PostgreSQL it is an ordinary transaction.
    """

    def __init__(self, engine: sa.Engine, lock_file: Path | None = None) -> None:
        self.engine = engine
        self._lock_file = lock_file
        self._threads = threading.Lock()
        self._writes = 0
        self._carried: dict[str, Any] = {}

    def carry(self, **things: Any) -> None:
        """Let every transaction have *things* among its execution options.

        For what happens in the transactions of others, such as sealing a version.
        """
        self._carried |= things

    @property
    def dialect(self) -> str:
        """Say which engine this is: `sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a connection to read from; nothing it does is kept."""
        with self.engine.connect() as connection:
            yield connection
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open a transaction: all of the block happens, or none of it."""
        if self._lock_file is None:
            with self.engine.begin() as connection:
                yield connection.execution_options(**self._carried)
            return
        with self._threads, self._file_lock(), self.engine.connect() as plain:
            connection = plain.execution_options(immediate=True, **self._carried)
            with connection.begin():
                yield connection
            self._checkpoint(connection)

    def scrub(self) -> None:
        """Let what was deleted be gone from the disk: SQLite's log is written back.

        As far as nobody reads just now. PostgreSQL does so by itself, in its time.
        """
        if self._lock_file is None:
            return
        with self._threads, self._file_lock(), self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        assert self._lock_file is not None
        with self._lock_file.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _checkpoint(self, connection: sa.Connection) -> None:
        self._writes += 1
        if self._writes % _CHECKPOINT_EVERY == 0:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def open_database(url: str) -> Database:
    """Open `sqlite:///FILE` or `postgresql://…`; raise Invalid for anything else."""
    parsed = sa.make_url(url)
    if parsed.drivername == "sqlite":
        return _open_sqlite(parsed)
    if parsed.drivername.startswith("postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
        return Database(sa.create_engine(parsed, pool_pre_ping=True))
    raise Invalid(
        f"{parsed.drivername!r} is no database that Roadbed knows",
        hint="write sqlite:///path/to/file.db or postgresql://user@host/name",
    )


def _open_sqlite(url: sa.URL) -> Database:
    if not url.database or url.database == ":memory:":
        raise Invalid("the database is a file", hint="write sqlite:///path/to/file.db")
    file = Path(url.database)
    engine = sa.create_engine(url, connect_args={"timeout": 15})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return Database(engine, file.with_name(file.name + ".lock"))


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).fetchall()


def _begin(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
