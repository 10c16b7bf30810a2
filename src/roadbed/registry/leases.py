"""Is whoever runs a run still there? A lease that each of its processes renews.

A run was lost if none of its processes is there any more: at once if one sees from
here that they are gone, else when their leases ran out. Its record stays `started`, as
nobody saw its end. Runs of other tools hold no lease; of them nobody can tell.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from roadbed.database.upsert import upsert
from roadbed.registry.runs import Run
from roadbed.registry.tables import run_leases

BEAT_S = 10.0
EXPIRES_US = 60_000_000

Standing = Literal["running", "lost", "finished", "failed"]


def holder() -> str:
    """Return the name of this process, which says nothing of the machine but itself."""
    return f"{_here()}:{os.getpid()}"


def beat(connection: sa.Connection, run_id: str, holder: str, now_us: int) -> None:
    """Say that *holder*, a process of the run, is alive at this moment."""
    row = {"run_id": run_id, "holder": holder, "beat_us": now_us}
    upsert(connection, run_leases, [row])


def standings(
    connection: sa.Connection, found: Iterable[Run], now_us: int
) -> dict[str, Standing]:
    """Return how each run stands at *now_us*, by its id."""
    known = list(found)
    going = [run.id for run in known if run.status == "started"]
    query = sa.select(run_leases).where(run_leases.c.run_id.in_(going))
    held: dict[str, list[bool]] = {}
    for row in connection.execute(query) if going else ():
        fresh = now_us - row.beat_us <= EXPIRES_US
        held.setdefault(row.run_id, []).append(fresh and not _gone(row.holder))
    return {run.id: _standing(run, held.get(run.id, [True])) for run in known}


def _standing(run: Run, alive: list[bool]) -> Standing:
    if run.status != "started":
        return run.status
    return "running" if any(alive) else "lost"


def _gone(name: str) -> bool:
    """Say whether a process is gone that could be seen from here."""
    place, _, number = name.partition(":")
    if not place or place != _here():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):
        return False
    return _is_zombie(number)


def _is_zombie(number: str) -> bool:
    try:
        return (
            Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
            == "Z"
        )
    except OSError:
        return False


def _here() -> str:
    """Return a name for what sees the same processes; empty if that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return hashlib.sha256((boot + space).encode()).hexdigest()[:16]
