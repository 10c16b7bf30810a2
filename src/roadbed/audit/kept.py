"""The tiles that the database keeps, and those that are made when they are read."""

from collections.abc import Sequence

import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.tiles import HEIGHT, WIDTH, Tile, hashes_in
from roadbed.core.errors import Corrupt

_MEND = "run `roadbed audit verify`: it names what is wrong"


class KeptTiles:
    """Reads tiles of a log; what the table has not is made from the entries.

    With *trust* false the table is not looked at, and all is made from the entries.
    """

    def __init__(self, connection: sa.Connection, *, trust: bool = True) -> None:
        self._connection = connection
        self._trust = trust
        self._seen: dict[tuple[int, int], Sequence[bytes]] = {}

    def read(self, level: int, number: int) -> Sequence[bytes]:
        """Return the hashes of one tile, as many as there are full subtrees."""
        place = (level, number)
        if place not in self._seen:
            self._seen[place] = self._kept(*place) or self.made(*place)
        return self._seen[place]

    def made(self, level: int, number: int) -> tuple[bytes, ...]:
        """Return the hashes of one tile, made from what is below it."""
        if level == 0:
            return self._leaves(number)
        if self._trust and (roots := self._roots(level, number)):
            return roots
        below = (self.read(level - 1, number * WIDTH + at) for at in range(WIDTH))
        found = []
        for hashes in below:
            if len(hashes) < WIDTH:
                break
            found.append(Tile(0, 0, tuple(hashes)).root())
        return tuple(found)

    def _kept(self, level: int, number: int) -> tuple[bytes, ...]:
        data = kept_data(self._connection, level, number) if self._trust else None
        return hashes_in(data) if data else ()

    def _roots(self, level: int, number: int) -> tuple[bytes, ...]:
        """Return the roots of the tiles below, if the table has them without a gap."""
        kept, first = tables.tiles, number * WIDTH
        query = (
            sa.select(kept.c.number, kept.c.root)
            .where(
                kept.c.level == level - 1,
                kept.c.number >= first,
                kept.c.number < first + WIDTH,
            )
            .order_by(kept.c.number)
        )
        rows = self._connection.execute(query).all()
        gapless = all(row.number == first + at for at, row in enumerate(rows))
        return tuple(bytes(row.root) for row in rows) if gapless else ()

    def _leaves(self, number: int) -> tuple[bytes, ...]:
        table, first = tables.entries, number * WIDTH
        query = (
            sa.select(table.c.leaf)
            .where(table.c.seq > first, table.c.seq <= first + WIDTH)
            .order_by(table.c.seq)
        )
        try:
            leaves = self._connection.execute(query).scalars()
            return tuple(bytes.fromhex(leaf) for leaf in leaves)
        except ValueError:
            raise Corrupt("a hash in the audit log is damaged", hint=_MEND) from None


def fill(connection: sa.Connection, size: int) -> None:
    """Keep every full tile of a log of *size* entries that is not kept yet."""
    level, full = 0, size >> HEIGHT
    while full:
        for number in range(_next(connection, level), full):
            tile = Tile(level, number, KeptTiles(connection).made(level, number))
            if len(tile.hashes) != WIDTH:
                raise Corrupt(f"{tile.path} cannot be made: entries are missing")
            connection.execute(
                tables.tiles.insert().values(
                    level=level, number=number, root=tile.root(), hashes=tile.data
                )
            )
        level, full = level + 1, full >> HEIGHT


def kept_data(connection: sa.Connection, level: int, number: int) -> bytes | None:
    """Return what the table has for one tile, None if nothing."""
    kept = tables.tiles
    query = sa.select(kept.c.hashes).where(
        kept.c.level == level, kept.c.number == number
    )
    data = connection.execute(query).scalar()
    return None if data is None else bytes(data)


def _next(connection: sa.Connection, level: int) -> int:
    kept = tables.tiles
    query = sa.select(sa.func.max(kept.c.number)).where(kept.c.level == level)
    last = connection.execute(query).scalar()
    return 0 if last is None else last + 1
