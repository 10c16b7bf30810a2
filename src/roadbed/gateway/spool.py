"""The spool: the SQLite file in which one process puts its calls down for certain.

One process, one file, one connection: nobody else writes to it or checkpoints
it, so writers never wait for each other and the write-ahead log is never reset
under a reader (a flaw of SQLite before 3.51.3).
"""

import math
import re
import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from operator import attrgetter
from pathlib import Path

import msgspec

from roadbed.core.errors import Invalid
from roadbed.inference.record import CallRecord, Payload

SUFFIX = ".spool"
COMPANIONS = ("-wal", "-shm", "-journal")
Row = tuple[str, int, str, str | None]
_NAME = re.compile(r"(?P<process>.+)-(?P<seq>\d{6,})\.spool")
_CREATE = (
    "CREATE TABLE calls (call_id TEXT PRIMARY KEY, ts INTEGER NOT NULL, "
    "record TEXT NOT NULL, payload TEXT)"
)
_AT_ONCE = 64
"""So many rows go into one statement. It commits by itself, and the interpreter is
handed over and asked back once for all of them, not once for each."""


@cache
def _insert(count: int) -> str:
    """Return the statement that puts *count* rows into the table."""
    rows = ", ".join(["(?, ?, ?, ?)"] * count)
    return f"INSERT INTO calls VALUES {rows} ON CONFLICT DO NOTHING"


_INSERT = _insert(1)
_flat = chain.from_iterable
_encode = msgspec.json.Encoder().encode
_LARGEST = 2**53


class Spool:
    """One open spool file. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        """Create the file; sqlite3.Error if the disk will not have it."""
        self.path = path
        self.rows = 0
        self.bytes = 0
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=5
        )
        try:
            self._prepare()
        except sqlite3.Error:
            self._connection.close()
            drop(path)
            raise

    def append(self, rows: Sequence[Row]) -> int:
        """Commit *rows* to the disk, all or none; return how many were new.

        A row whose call id is there already is left out. sqlite3.Error means that
        nothing was kept, or for an I/O error that it may have been.
        """
        if 0 < len(rows) <= _AT_ONCE:
            new = self._connection.execute(
                _insert(len(rows)), tuple(_flat(rows))
            ).rowcount
        else:
            new = self._append_many(rows)
        self.rows += new
        self.bytes += sum(len(row[2]) + len(row[3] or "") for row in rows)
        return new

    def _append_many(self, rows: Sequence[Row]) -> int:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            new = connection.executemany(_INSERT, rows).rowcount
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return new

    def close(self) -> None:
        """Close the file; everything in it is complete."""
        self._connection.close()

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        self._connection.execute(_CREATE)


def encode(record: CallRecord, payload: Payload | None) -> Row:
    """Return the row of a call; raise Invalid for what no log could give back as it is.

    That is: numbers that are not finite, integers beyond 2^53, half characters.
    """
    _refuse_odd_numbers(record)
    try:
        body = None if payload is None else _encode(payload).decode()
        return record.call_id, record.ts, _encode(record).decode(), body
    except UnicodeError:
        raise Invalid(
            f"call {record.call_id!r} has text that is no Unicode",
            hint="replace unpaired surrogates before recording",
        ) from None


def name_of(process: str, seq: int) -> str:
    """Return the file name of the spool number *seq* of *process*."""
    return f"{process}-{seq:06d}{SUFFIX}"


def process_of(path: Path) -> str:
    """Return the process that a spool file belongs to, as its name says."""
    match = _NAME.fullmatch(path.name)
    return match["process"] if match else path.name.removesuffix(SUFFIX)


def recover(path: Path) -> None:
    """Undo what a process left half done when it died while it made the file.

    Only under the lock of that process. A file that is damaged stays as it is.
    """
    if not path.with_name(path.name + "-journal").exists():
        return
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    finally:
        connection.close()


def drop(path: Path) -> None:
    """Remove a spool and what SQLite keeps beside it.

    The file itself goes first: without its write-ahead log it would be readable
    and incomplete, and the log without the file is nothing.
    """
    path.unlink(missing_ok=True)
    for companion in COMPANIONS:
        path.with_name(path.name + companion).unlink(missing_ok=True)


def _refuse_odd_numbers(record: CallRecord) -> None:
    for values in (record.num, record.prediction):
        for name, value in values.items():
            if not math.isfinite(value):
                raise Invalid(
                    f"call {record.call_id!r}: {name!r} is {value}, not a number",
                    hint="put it into `cat` as text",
                )
    numbers = _integers(record)
    if max(numbers) < _LARGEST and min(numbers) > -_LARGEST:
        return
    name = next(n for n in _INTEGERS if abs(getattr(record, n)) >= _LARGEST)
    raise Invalid(f"call {record.call_id!r}: {name} is beyond 2^53")


_INTEGERS = tuple(f.name for f in msgspec.structs.fields(CallRecord) if f.type is int)
_integers = attrgetter(*_INTEGERS)
