"""Which processes serve now: each says so every second, and counts the others.

Nobody is counted, and nothing written, while there is no limit to share.
"""

from collections.abc import Callable

import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.gateway.money.limits import Limits, Share
from roadbed.gateway.tables import replicas

ALIVE_US = 5_000_000
"""How long after it last said so a process is taken to serve."""
_SAY = sa.text(
    "INSERT INTO replicas (name, seen_us) VALUES (:name, :seen_us) "
    "ON CONFLICT (name) DO UPDATE SET seen_us = :seen_us"
)


class Presence:
    """Says that this process serves, and shares the limits among those that do.

    `needed` says whether there are limits to share.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        limits: Limits,
        now_us: Callable[[], int],
        needed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._needed = needed
        self._said = False
        self._database = database
        self._name = name
        self._limits = limits
        self._now_us = now_us

    def look(self) -> None:
        """Say so once, and take note of who else does. Blocks, and may raise."""
        if not self._needed():
            return self.leave()
        self._said = True
        now_us = self._now_us()
        with self._database.write() as connection:
            connection.execute(_SAY, {"name": self._name, "seen_us": now_us})
            gone = replicas.c.seen_us < now_us - ALIVE_US
            connection.execute(replicas.delete().where(gone))
            query = sa.select(replicas.c.name).order_by(replicas.c.name)
            names = list(connection.execute(query).scalars())
        self._limits.share = Share(names.index(self._name), len(names))

    def leave(self) -> None:
        """Say that it serves no longer, or need not be counted."""
        if not self._said:
            return
        with self._database.write() as connection:
            same = replicas.c.name == self._name
            connection.execute(replicas.delete().where(same))
        self._said = False
