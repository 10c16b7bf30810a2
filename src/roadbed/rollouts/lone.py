"""Calls that are units of their own: counted by kind, not remembered one by one.

Nobody comes again under such a unit, so nothing has to be known of it but that it was
there. Most calls of an endpoint may be of this kind, and there is no end to them.
"""

from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa

from roadbed.database.upsert import upsert
from roadbed.rollouts.tables import rollout_lone as table

Kind = tuple[int, int]
"""The side that a unit was on, and what it was bad under, as bits."""


def count(connection: sa.Connection, rollout_id: str, seen: Iterable[Kind]) -> None:
    """Add units to those that were *seen*. Not for two at a time."""
    more = Counter(seen)
    if not more:
        return
    before = counted(connection, rollout_id)
    rows = [
        {
            "rollout": rollout_id,
            "side": side,
            "bad": bad,
            "units": before.get((side, bad), 0) + units,
        }
        for (side, bad), units in more.items()
    ]
    upsert(connection, table, rows)


def counted(connection: sa.Connection, rollout_id: str) -> dict[Kind, int]:
    """Return how many units there were of each kind."""
    rows = connection.execute(sa.select(table).where(table.c.rollout == rollout_id))
    return {(row.side, row.bad): row.units for row in rows}
