"""Is whoever runs a run still there? A lease that is renewed while they are.

A run whose lease ran out was lost: its record stays `started`, as nobody saw its end,
and it is shown as lost. Runs of other tools renew no lease; of them nobody can tell.
"""

from collections.abc import Iterable
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from roadbed.registry.runs import Run
from roadbed.registry.tables import run_leases

BEAT_S = 10.0
EXPIRES_US = 60_000_000

Standing = Literal["running", "lost", "finished", "failed"]


def beat(connection: sa.Connection, run_id: str, now_us: int) -> None:
    """Say that the run is alive at this moment."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(run_leases).values(run_id=run_id, beat_us=now_us)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["run_id"], set_={"beat_us": insert.excluded.beat_us}
        )
    )


def standings(
    connection: sa.Connection, found: Iterable[Run], now_us: int
) -> dict[str, Standing]:
    """Return how each run stands at *now_us*, by its id."""
    known = list(found)
    going = [run.id for run in known if run.status == "started"]
    query = sa.select(run_leases).where(run_leases.c.run_id.in_(going))
    beats = {row.run_id: row.beat_us for row in connection.execute(query)}
    return {run.id: _standing(run, beats.get(run.id), now_us) for run in known}


def _standing(run: Run, beat_us: int | None, now_us: int) -> Standing:
    if run.status != "started":
        return run.status
    lost = beat_us is not None and now_us - beat_us > EXPIRES_US
    return "lost" if lost else "running"
