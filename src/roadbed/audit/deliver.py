"""Bring each checkpoint to every place for copies, however often that takes.

How far a place has come is a counter in the database, so what could not be delivered
is tried again by whoever looks next.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.checkpoint import Checkpoint, read_checkpoint
from roadbed.audit.kept import KeptTiles
from roadbed.audit.note import Verifier, read_note
from roadbed.audit.tiles import subtree
from roadbed.core.errors import Corrupt, Invalid, RoadbedError
from roadbed.database.engine import Database
from roadbed.database.tables import current
from roadbed.ports.copies import Copies

_AT_ONCE = 500
_MEND = "run `roadbed audit verify`: it names what is wrong"


def deliver(database: Database, places: Sequence[Copies], verifier: Verifier) -> int:
    """Bring what is missing to each of *places*; return how many notes that were.

    A place that knows more than the log, or something else, is a witness against it:
    raises Corrupt then, and brings it nothing. One place that fails does not keep
    the others from theirs; the first failure is raised in the end.
    """
    failures: list[RoadbedError] = []
    count = 0
    for place in places:
        try:
            count += _deliver(database, place, verifier)
        except RoadbedError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return count


def _deliver(database: Database, place: Copies, verifier: Verifier) -> int:
    counter = f"audit.copy.{place.name}"
    with database.read() as connection:
        done = current(connection, counter)
        table = tables.checkpoints
        query = sa.select(table.c.size, table.c.note).where(table.c.size > done)
        waiting = connection.execute(query.order_by(table.c.size).limit(_AT_ONCE)).all()
    if not waiting:
        return 0
    if note := place.newest():
        with database.read() as connection:
            _hear(connection, place.name, note, verifier)
    try:
        for row in waiting:
            place.put(row.size, row.note)
            done = row.size
    finally:
        with database.write() as connection:
            _advance(connection, counter, done)
    return len(waiting)


def _hear(connection: sa.Connection, name: str, note: str, verifier: Verifier) -> None:
    """Raise Corrupt if *note*, the newest that a place has, is not true of the log.

    The log is its tiles, as they were kept when it grew: this is asked often, and a
    log is long. Whether its entries are still those is what a verification says.
    """
    witness = _believed(note, verifier)
    if witness is None:
        return
    size = connection.execute(sa.select(tables.tree.c.size)).scalar() or 0
    if size < witness.size:
        raise Corrupt(
            f"the audit log has {size} entries, but the {name} copy has a checkpoint "
            f"over {witness.size}",
            hint=_MEND,
        )
    tiles = KeptTiles(connection)
    if subtree(tiles.read, 0, witness.size) != witness.root:
        raise Corrupt(
            f"the first {witness.size} audit entries are not those of the checkpoint "
            f"in the {name} copy",
            hint=_MEND,
        )


def _believed(text: str, verifier: Verifier) -> Checkpoint | None:
    try:
        note = read_note(text)
        return read_checkpoint(note.text) if note.signed_by(verifier) else None
    except Invalid:
        return None


def _advance(connection: sa.Connection, counter: str, done: int) -> None:
    upsert = sa.text(
        "INSERT INTO revisions (name, value) VALUES (:name, :value) "
        "ON CONFLICT (name) DO UPDATE SET value = :value "
        "WHERE revisions.value < :value"
    )
    connection.execute(upsert, {"name": counter, "value": done})
