"""Runs that no tracking client started, as tracking clients see them: in one folder.

They are found, read and compared there like all others. Their record is what counts.
"""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from roadbed.core.digest import PREFIX
from roadbed.database.upsert import upsert
from roadbed.registry.tracking import experiments
from roadbed.registry.tracking.experiments import Who
from roadbed.registry.tracking.tables import run_inputs, tracked_runs

NAME = "roadbed"
"""The experiment of such runs; a tenant's own of that name takes its place."""
VERSION_TAG = "roadbed.version"
"""The tag of an input that says which version of ours it is. Clients cannot set it."""
_ENDED = {"finished": "FINISHED", "failed": "FAILED"}


class Read(NamedTuple):
    """A dataset version that a run read, such as `tumors@1`, and in which role."""

    version: str
    digest: str
    role: str


def show(connection: sa.Connection, who: Who, run_id: str, name: str) -> None:
    """Let clients find a run that begins now, in the caller's transaction."""
    row = {
        "run_id": run_id,
        "tenant": who.tenant,
        "experiment_id": experiments.ensure(connection, who, NAME).id,
        "name": name,
        "status": "RUNNING",
        "user": who.actor,
        "stage": "active",
        "start_ms": who.now_us // 1000,
    }
    connection.execute(tracked_runs.insert().values(**row))


def read(connection: sa.Connection, run_id: str, data: Iterable[Read]) -> None:
    """Show clients what a run read."""
    rows = [
        {
            "run_id": run_id,
            "name": used.version,
            "digest": used.digest.removeprefix(PREFIX)[:36],
            "context": used.role,
            "source_type": "roadbed",
            "source": f"roadbed:{used.version}",
            "schema": "",
            "profile": "",
            "tags": {"mlflow.data.context": used.role, VERSION_TAG: used.version},
        }
        for used in data
    ]
    upsert(connection, run_inputs, rows)


def end(connection: sa.Connection, run_id: str, status: str, now_us: int) -> None:
    """Show clients how a run ended, unless one of them said so itself."""
    mine = (tracked_runs.c.run_id == run_id, tracked_runs.c.status == "RUNNING")
    said = {"status": _ENDED[status], "end_ms": now_us // 1000}
    connection.execute(tracked_runs.update().where(*mine).values(**said))
