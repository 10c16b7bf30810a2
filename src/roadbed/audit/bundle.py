"""What a verification looks at: leaves in order, signed notes, and the tree's row."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from roadbed.audit import tables
from roadbed.audit.copies import read_copy
from roadbed.audit.kept import kept_data
from roadbed.audit.rows import COLUMNS, from_row
from roadbed.audit.tiles import Tile
from roadbed.core.errors import Corrupt, RoadbedError
from roadbed.database.engine import Database
from roadbed.ports.copies import Copies

_PAGE = 1000
_log = logging.getLogger("roadbed.audit")
Note = tuple[str, str]
"""Where a signed note was found, and the note."""


def no_tiles(_: Tile) -> str:
    """Find nothing wrong with a tile, where none are kept."""
    return ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry as it stands: its place, its bytes, and the hash that is kept of it.

    `data` is None if what stands there is no entry, `stored` if no hash is.
    """

    seq: int
    data: bytes | None
    stored: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The log's leaves in order, and the signed notes that speak of them.

    `notes` come from the database first. `tree` is the row that the log grows from,
    as plain JSON: unsigned, but a witness too. `tile` says what is wrong with the
    kept one of a tile that was made from the leaves; `problems` are those of the
    container. `size` is about how many leaves there are.
    """

    leaves: Iterable[Leaf]
    notes: tuple[Note, ...] = ()
    tree: dict[str, Any] | None = None
    tile: Callable[[Tile], str] = no_tiles
    problems: list[str] = field(default_factory=list)
    size: int = 0

    def with_note(self, source: str, note: str) -> Self:
        """Return the bundle with one more note, such as one that an auditor kept."""
        return replace(self, notes=(*self.notes, (source, note)))


@contextmanager
def opened(
    database: Database, copies: Path, places: Iterable[Copies] = ()
) -> Iterator[Bundle]:
    """Open the log of *database* as it stands at one moment, however damaged it is.

    Notes come from the database, from the folder *copies*, and from all of *places*
    that can be read now, as they were before that moment: a log that goes on growing
    is signed there first. Leaves are read a page at a time. Raises Corrupt if the
    database cannot be read at all.
    """
    before, elsewhere = frozenset(read_copy(copies)), [*_elsewhere(places)]
    try:
        with steady(database) as connection:
            bundle = _bundle(connection, copies, before)
            yield replace(bundle, notes=(*bundle.notes, *elsewhere))
    # SQLite quotes a damaged schema in its message, in bytes that are no text.
    except (DatabaseError, UnicodeDecodeError) as error:
        raise Corrupt(
            f"the audit log cannot be read: {getattr(error, 'orig', error)}",
            hint="restore the database from a backup and verify that",
        ) from None


def _bundle(connection: sa.Connection, copies: Path, before: Set[str]) -> Bundle:
    """Return the log as *connection* sees it, with the notes in *copies*.

    Of those, what neither was there *before* nor is known to the database came since.
    """
    table = tables.checkpoints
    query = sa.select(table.c.note).order_by(table.c.size)
    signed = connection.execute(query).scalars().all()
    known = {*before, *signed}
    copied = [note for note in read_copy(copies) if note in known]
    count = sa.select(sa.func.count()).select_from(tables.entries)
    return Bundle(
        leaves=_leaves(connection),
        notes=(*product(["database"], signed), *product(["copy"], copied)),
        tree=_read_tree(connection),
        tile=lambda tile: _compare(connection, tile),
        size=connection.execute(count).scalar_one(),
    )


def _elsewhere(places: Iterable[Copies]) -> Iterator[Note]:
    for place in places:
        try:
            for note in place.notes() or ():
                yield place.name, note
        except RoadbedError as error:
            _log.warning("the %s copy cannot be read", place.name, exc_info=error)


def _leaves(connection: sa.Connection) -> Iterator[Leaf]:
    table, last = tables.entries, None
    while True:
        query = sa.select(*COLUMNS).order_by(table.c.seq).limit(_PAGE)
        if last is not None:
            query = query.where(table.c.seq > last)
        rows = connection.execute(query).all()
        for row in rows:
            recorded = from_row(row)
            yield Leaf(recorded.seq, recorded.data(), hash_in(recorded.leaf))
        if len(rows) < _PAGE:
            return
        last = rows[-1].seq


def hash_in(text: object) -> bytes | None:
    """Return the hash that *text* spells in hex; None if it spells none."""
    try:
        raw = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return raw if len(raw) == 32 and raw.hex() == text else None


def _compare(connection: sa.Connection, tile: Tile) -> str:
    kept = kept_data(connection, tile.level, tile.number)
    same = kept is None or kept == tile.data
    return "" if same else f"the kept {tile.path} is not what the entries make"


@contextmanager
def steady(database: Database) -> Iterator[sa.Connection]:
    """Open a connection that sees one moment, and reads bytes that are no UTF-8."""
    with database.read() as connection:
        if database.dialect == "postgresql":
            yield connection.execution_options(isolation_level="REPEATABLE READ")
            return
        driver: Any = connection.connection.driver_connection
        driver.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            yield connection
        finally:
            driver.text_factory = str


def _read_tree(connection: sa.Connection) -> dict[str, Any] | None:
    nodes = sa.type_coerce(tables.tree.c.nodes, sa.Text)
    row = connection.execute(sa.select(tables.tree.c.size, nodes)).first()
    if row is None:
        return None
    try:
        return {"size": row[0], "nodes": json.loads(row[1])}
    except ValueError:
        return {"size": row[0], "nodes": []}
