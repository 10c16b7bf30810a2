"""Entries per second of the audit log, against plain SQLite in the same run.

An entry is written to the outbox in the transaction of a change and moved into the
log by the sequencer: both commit with fsync. Prints entries per second, µs of CPU per
entry and its ratio to `executemany` of the same rows, and the verification of the
log. With `ROADBED_DATABASE` set, four writers and one sequencer run there too.
"""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from roadbed.audit.bundle import opened
from roadbed.audit.entry import Entry
from roadbed.audit.log import AuditLog
from roadbed.audit.outbox import append
from roadbed.audit.sequencer import sequence
from roadbed.audit.signer import Signer
from roadbed.audit.tar import opened_tar, write_tar
from roadbed.audit.verify import verify
from roadbed.core.clock import SystemClock
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata

ENTRIES, GROUP, MOVED, WRITERS = 100_000, 200, 2_000, 4
DIGEST = "sha256:" + "0" * 64
WRITE = (
    "import sys; sys.path.insert(0, 'bench'); import audit; "
    "audit.write(audit.open_database(sys.argv[1]), int(sys.argv[2]))"
)


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = measure(lambda: write_plain(folder))
        database = open_database(f"sqlite:///{folder / 'control.db'}")
        with database.write() as connection:
            metadata.create_all(connection)
        both = measure(lambda: write(database, ENTRIES, in_turn=True))
        say(f"plain SQLite, groups of {GROUP}", plain)
        say("append and sequence", both)
        print(f"  {both[1] / plain[1]:.1f} x the CPU of plain SQLite")
        offline(database, folder)
    if url := os.environ.get("ROADBED_DATABASE", ""):
        postgres(url)


def write(database, count: int, *, in_turn: bool = False) -> None:
    """Write *count* entries in groups; move ten groups at a time if *in_turn*."""
    for start in range(0, count, GROUP):
        with database.write() as connection:
            append(connection, start, *map(entry, range(start, start + GROUP)))
        if in_turn and (start + GROUP) % MOVED == 0:
            sequence(database)


def entry(number: int) -> Entry:
    """Return an entry like that of an apply."""
    detail = {
        "change": "update",
        "revision": number,
        "digest": DIGEST,
        "file": "a.yaml",
    }
    return Entry(
        "service-account:ci", "stack.apply", f"Endpoint/e{number}", "done", detail
    )


def write_plain(folder: Path) -> None:
    """Commit the same rows in the same groups, with nothing around it."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE entries (seq INTEGER PRIMARY KEY, at INTEGER, actor TEXT, "
        "action TEXT, resource TEXT, outcome TEXT, detail TEXT)"
    )
    for start in range(0, ENTRIES, GROUP):
        some = [(n, entry(n)) for n in range(start, start + GROUP)]
        rows = [
            (n, n, e.actor, e.action, e.resource, e.outcome, json.dumps(e.detail))
            for n, e in some
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    connection.close()


def offline(database, folder: Path) -> None:
    """Sign, export and verify the log, and say what that took."""
    signer = Signer.load_or_create(folder / "audit.key")
    log = AuditLog(database, signer, SystemClock(), folder / "copies")
    log.checkpoint()
    path = folder / "log.tar"
    with opened(database, folder / "copies") as bundle, path.open("wb") as out:
        say("export", measure(lambda: write_tar(out, bundle, signer.public_key)))
    log.prove(1)
    proof = measure(lambda: [log.prove(n) for n in range(1, ENTRIES, ENTRIES // 100)])
    print(f"  one proof: {proof[1] * ENTRIES / 100:.0f} µs of CPU")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with opened_tar(path) as bundle:
        say("verify", measure(lambda: verify(bundle, signer.public_key)))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = path.stat().st_size / 1e6
    print(
        f"  {size:.0f} MB in the file; at most {after // 1024} MB resident, "
        f"{(after - before) // 1024} MB more than before"
    )


def postgres(url: str) -> None:
    """Let four processes write and this one sequence, until all is in the log."""
    database = open_database(url)
    metadata.drop_all(database.engine)
    with database.write() as connection:
        metadata.create_all(connection)
    share = ENTRIES // WRITERS // GROUP * GROUP
    command = [sys.executable, "-c", WRITE, url, str(share)]
    writers = [subprocess.Popen(command) for _ in range(WRITERS)]
    moved, begin = 0, 0.0
    while moved < share * WRITERS:
        some = sequence(database)
        begin = begin or (time.monotonic() if some else 0.0)
        moved += some
    seconds = time.monotonic() - begin
    for writer in writers:
        writer.wait()
    print(f"PostgreSQL, {WRITERS} writers: {moved / seconds:,.0f} entries/s to the log")


def measure(work) -> tuple[float, float]:
    """Return the entries per second of *work*, and µs of CPU per entry."""
    begin, before = time.monotonic(), time.process_time()
    work()
    cpu = time.process_time() - before
    return ENTRIES / (time.monotonic() - begin), cpu / ENTRIES * 1e6


def say(what: str, measured: tuple[float, float]) -> None:
    """Print one line."""
    wall, cpu = measured
    print(
        f"{what}: {wall:,.0f} entries/s, {cpu:.1f} µs of CPU each ({1e6 / cpu:,.0f}/s)"
    )


if __name__ == "__main__":
    main()
