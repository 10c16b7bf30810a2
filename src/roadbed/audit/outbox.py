"""Write entries within the transaction of the change; the sequencer takes them on."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.entry import Entry, Recorded
from roadbed.audit.rows import COLUMNS, SAID, from_row
from roadbed.core.digest import canonical

_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(7023114251)")
Where = Callable[[Any], Iterable[sa.ColumnElement[bool]]]


def append(connection: sa.Connection, at_us: int, *entries: Entry) -> None:
    """Write *entries* within the caller's transaction: with the change, or not at all.

    They wait for nobody. Places in the log are given out afterwards, in the order
    in which the entries were written. Raises Invalid for what no entry may hold.
    """
    if entries:
        rows = [_to_row(at_us, entry.cleaned()) for entry in entries]
        connection.execute(tables.outbox.insert(), rows)


def hold(connection: sa.Connection) -> None:
    """Let nobody else hold until this transaction ends.

    One lock for all who look before they write: keys, versions, revisions. Whoever
    takes other locks too takes this one first, so there is no deadlock. On SQLite a
    transaction that writes is alone already. Appending does not need it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME)


def logged(connection: sa.Connection, where: Where) -> list[Recorded]:
    """Return the entries that *where* picks, oldest first, the newest ones included.

    *where* is given the columns of a table and returns conditions. An entry that
    waits to be moved into the log has the number that it would get now.
    """
    log = sa.select(*COLUMNS).where(*where(tables.entries.c))
    waiting = _waiting().where(*where(tables.outbox.c))
    both = sa.union_all(log, waiting).subquery()
    found = connection.execute(sa.select(both).order_by(both.c.seq))
    return [_placed(row) for row in found]


def _placed(row: Any) -> Recorded:
    recorded = from_row(row)
    if row.leaf is not None:
        return recorded
    leaf = recorded.computed()
    return replace(recorded, leaf=leaf.hex() if leaf else "")


def _to_row(at_us: int, entry: Entry) -> dict[str, Any]:
    said = {name: getattr(entry, name) for name in SAID if name != "at_us"}
    return said | {"at_us": at_us, "detail": canonical(entry.detail).decode()}


def _waiting() -> sa.Select[Any]:
    outbox, ahead = tables.outbox, tables.outbox.alias()
    size = sa.func.coalesce(sa.select(tables.tree.c.size).scalar_subquery(), 0)
    place = sa.select(sa.func.count()).where(ahead.c.id <= outbox.c.id)
    return sa.select(
        (size + place.scalar_subquery()).label("seq"),
        *(outbox.c[name] for name in SAID),
        sa.cast(sa.null(), sa.Text).label("leaf"),
    )
