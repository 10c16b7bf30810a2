"""Find what a request names, as policies read it, in the caller's own words."""

import sqlalchemy as sa

from roadbed.core.decision import Target
from roadbed.core.errors import Invalid
from roadbed.registry.tracking.tables import tracked_runs
from roadbed.server.mlflow.route import Asked, Sought


def run_id_of(ask: Asked) -> str:
    """Return the run that a request names; raise Invalid if it names none."""
    fields = ask.fields
    run_id = fields.text("run_id", 256) or fields.text("run_uuid", 256)
    if not run_id:
        raise Invalid("Missing value for required parameter 'run_id'.")
    return run_id


def run_named(ask: Asked) -> Sought:
    """Find a run that was started by the protocol."""
    run_id = run_id_of(ask)
    with ask.services.database.read() as connection:
        return run_called(connection, run_id)


def run_called(connection: sa.Connection, run_id: str) -> Sought:
    """Find the run with this id."""
    query = sa.select(tracked_runs.c.tenant).where(tracked_runs.c.run_id == run_id)
    tenant = connection.execute(query).scalar()
    found = None
    if tenant is not None:
        found = Target(kind="Run", name=run_id, attributes={"tenant": tenant})
    return Sought(found, run_id, f"Run with id={run_id[:80]} not found")
