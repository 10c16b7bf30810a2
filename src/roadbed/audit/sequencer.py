"""Move entries from the outbox into the log: numbers, leaf hashes, frontier, tiles.

One database is one line, one origin, one log. Whoever holds the row of the tree is
its sequencer until that transaction ends: any process may be, whenever somebody
wants to read what was just written.
"""

import logging
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from roadbed.audit import tables
from roadbed.audit.kept import fill
from roadbed.audit.merkle import Frontier
from roadbed.audit.rows import INSERT, frontier_of, nodes_of, to_row
from roadbed.core.errors import Conflict, Corrupt, RoadbedError
from roadbed.database.engine import Database

BATCH = 2000
_log = logging.getLogger("roadbed.audit")
_FIRST_ROW = sa.text(
    "INSERT INTO audit_tree (id, size, nodes) VALUES (1, 0, '[]') "
    "ON CONFLICT (id) DO NOTHING"
)
# A sequencer that stands still is put out by the database, and cannot commit then;
# who waits for it longer than this reads without what is in the outbox.
_PATIENCE = (
    sa.text("SET LOCAL lock_timeout = '10s'"),
    sa.text("SET LOCAL idle_in_transaction_session_timeout = '30s'"),
)


def sequence(database: Database) -> int:
    """Move all that waits into the log, and return how many entries that were.

    Costs one short read if nothing waits. Killed at any moment, it has moved a
    batch or has not. Raises Corrupt if the tree is damaged.
    """
    moved = 0
    while _is_waiting(database):
        with database.write() as connection:
            moved += move(connection, lead(connection))
    return moved


def catch_up(database: Database) -> None:
    """Move all that waits, so that readers find what was just written.

    What cannot be moved now, because the tree is damaged or the disk is full, waits
    on, and the log is read as it stands.
    """
    try:
        sequence(database)
    except (RoadbedError, DBAPIError) as error:
        _log.warning("entries wait to be moved into the audit log", exc_info=error)


def lead(connection: sa.Connection) -> Frontier:
    """Become the sequencer until this transaction ends; return the tree's frontier."""
    if connection.dialect.name == "postgresql":
        for setting in _PATIENCE:
            connection.execute(setting)
    query = sa.select(tables.tree.c.size, tables.tree.c.nodes).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        connection.execute(_FIRST_ROW)
        row = connection.execute(query).one()
    return frontier_of(row.size, row.nodes)


def move(connection: sa.Connection, frontier: Frontier) -> int:
    """Move one batch behind *frontier* and return its size; only for who leads.

    Raises Conflict, and moves nothing, if the tree is not at *frontier* any more.
    """
    rows = _take(connection, frontier.size)
    if not rows:
        return 0
    connection.execute(INSERT, rows)
    grown = frontier.append(*(bytes.fromhex(row["leaf"]) for row in rows))
    same = tables.tree.c.size == frontier.size
    change = tables.tree.update().where(same)
    done = connection.execute(change.values(size=grown.size, nodes=nodes_of(grown)))
    if done.rowcount != 1:
        raise Conflict("another sequencer moved the audit log on")
    # Tiles are made from the entries: what cannot be made now is made when it is read.
    with suppress(Corrupt):
        fill(connection, grown.size)
    return len(rows)


def _take(connection: sa.Connection, after: int) -> list[dict[str, Any]]:
    """Take the first batch out of the outbox and return its rows for the log."""
    outbox = tables.outbox
    first = sa.select(outbox.c.id).order_by(outbox.c.id).limit(BATCH)
    taken = outbox.delete().where(outbox.c.id.in_(first)).returning(outbox)
    rows = sorted(connection.execute(taken), key=lambda row: row.id)
    return [to_row(seq, row) for seq, row in enumerate(rows, after + 1)]


def _is_waiting(database: Database) -> bool:
    with database.read() as connection:
        query = sa.select(tables.outbox.c.id).limit(1)
        return connection.execute(query).first() is not None
