"""CPU per call of the call log, against plain SQLite in the same run.

Prints µs of CPU per record for put and commit, and for sealing, and the ratio of
each to `executemany` of the same rows, in the same groups, into a plain file.
"""

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.audit import tables as _audit
from roadbed.core.clock import SystemClock
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.recorder import Limits, Recorder
from roadbed.gateway.seal import Sealer
from roadbed.gateway.spool import encode
from roadbed.testing.history_contract import a_call

RECORDS, GROUP = 20_000, 200
FEATURES = {f"feature {n}": n * 1.37 for n in range(12)}


def main() -> None:
    """Measure, and print three lines."""
    calls = [a_call(n, num=FEATURES) for n in range(RECORDS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain_us = measure(lambda: write_plain(folder, calls))
        recorder = open_recorder(folder)
        put_us = measure(lambda: asyncio.run(put_all(recorder, calls)))
        seal_us = measure(recorder.close)
    print(f"plain SQLite, groups of {GROUP}: {plain_us:6.1f} µs/record")
    print(f"put and commit: {put_us:6.1f} µs/record, {put_us / plain_us:4.1f} x plain")
    print(
        f"seal:           {seal_us:6.1f} µs/record, {seal_us / plain_us:4.1f} x plain"
    )


def measure(work) -> float:
    """Return the CPU of *work*, of all threads, in µs per record."""
    before = time.process_time()
    work()
    return (time.process_time() - before) / RECORDS * 1e6


def write_plain(folder: Path, calls: list) -> None:
    """Commit the same rows in the same groups, with nothing around it."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE calls (id TEXT PRIMARY KEY, ts INTEGER, record TEXT, body TEXT)"
    )
    insert = "INSERT INTO calls VALUES (?, ?, ?, ?)"
    for at in range(0, len(calls), GROUP):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, [encode(*c) for c in calls[at : at + GROUP]])
        connection.execute("COMMIT")
    connection.close()


def open_recorder(folder: Path) -> Recorder:
    """Return a started recorder on an empty state directory."""
    assert _audit.entries.metadata is metadata
    database = open_database(f"sqlite:///{folder / 'control.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    history = DuckDBHistory()
    history.write("calls", [], folder / "warm.parquet")
    sealer = Sealer(database, history, folder / "history", SystemClock())
    recorder = Recorder(Keeper(folder, sealer, "bench-1"), Limits(seal_bytes=1 << 40))
    recorder.start()
    return recorder


async def put_all(recorder: Recorder, calls: list) -> None:
    """Put all calls, in groups that wait for the disk together."""
    for at in range(0, len(calls), GROUP):
        waits = [recorder.put(*call) for call in calls[at : at + GROUP]]
        await asyncio.gather(*(wait for wait in waits if wait is not None))


if __name__ == "__main__":
    main()
