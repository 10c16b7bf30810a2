"""The parameters and the tags of runs, one a row, so that they can be searched."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from roadbed.database.upsert import upsert
from roadbed.registry.tracking.tables import run_params, run_tags


def add(connection: sa.Connection, run_id: str, params: Mapping[str, Any]) -> None:
    """Add parameters of a run, in the caller's transaction; texts stay as they are."""
    rows = [
        {"run_id": run_id, "key": key, "value": text(value)}
        for key, value in params.items()
    ]
    if rows:
        connection.execute(run_params.insert(), rows)


def tag(connection: sa.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a run, in the caller's transaction; a later value replaces one."""
    rows = [{"run_id": run_id, "key": k, "value": v} for k, v in tags.items()]
    upsert(connection, run_tags, rows)


def tags_of(connection: sa.Connection, run_id: str) -> dict[str, str]:
    """Return the tags of a run, in the order of their names."""
    query = sa.select(run_tags).where(run_tags.c.run_id == run_id)
    rows = connection.execute(query.order_by(run_tags.c.key))
    return {row.key: row.value for row in rows}


def text(value: Any) -> str:
    """Return *value* as it is searched for: texts as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
