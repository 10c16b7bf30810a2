"""Insert rows, or replace or keep what is there, in the same words on both engines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def upsert(
    connection: sa.Connection, table: sa.Table, found: Sequence[dict[str, Any]]
) -> None:
    """Insert rows; where the key is there, the other columns are replaced.

    Where there are no other columns, such a row stays as it is.
    """
    if not found:
        return
    insert = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    changed = {c.name: insert.excluded[c.name] for c in table.c if c.name not in keys}
    if changed:
        ready = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        ready = insert.on_conflict_do_nothing(index_elements=keys)
    connection.execute(ready, list(found))


def insert_new(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert *row* unless its key is there, and say whether it was not."""
    ready = _insert(connection, table).values(row).on_conflict_do_nothing()
    return connection.execute(ready.returning(*table.primary_key)).first() is not None


def _insert(
    connection: sa.Connection, table: sa.Table
) -> "sqlite.Insert | postgresql.Insert":
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    # To import it takes 40 ms, of each command too that has no PostgreSQL.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
