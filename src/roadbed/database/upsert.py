"""Insert rows, or replace what is there, in the same words on both engines."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: sa.Connection, table: sa.Table, found: Sequence[dict[str, Any]]
) -> None:
    """Insert rows; where the key is there, the other columns are replaced.

    Where there are no other columns, such a row stays as it is.
    """
    if not found:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {c.name: insert.excluded[c.name] for c in table.c if c.name not in keys}
    if changed:
        ready = insert.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        ready = insert.on_conflict_do_nothing(index_elements=keys)
    connection.execute(ready, list(found))
