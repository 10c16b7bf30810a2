"""Payloads that are erased: what their records commit to stays, and they do not.

The record of a call holds only a salted commitment to what was said. So the payload,
and its salt with it, can go while every root in the audit log still holds. A tombstone
of the commitment tells what was erased from what was lost.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import sqlalchemy as sa

from roadbed.audit.outbox import Where, logged
from roadbed.data.erasure.erasures import ACTION, Erasure
from roadbed.data.erasure.tables import erasures
from roadbed.gateway.history import History
from roadbed.gateway.lock import ProcessLock
from roadbed.gateway.seal import write_file
from roadbed.gateway.segments import Segment
from roadbed.gateway.tables import idempotency
from roadbed.inference.record import CallRecord

_PREFIX = "hmac-sha256:"
_encode = msgspec.json.Encoder().encode


def tombstone(record: CallRecord) -> str:
    """Return the name that a tombstone has for the payload of *record*."""
    return _PREFIX + record.payload_commit


def payloads_erased(connection: sa.Connection) -> dict[str, Erasure]:
    """Return the tombstones of payloads, by what `tombstone` calls them."""
    mine = erasures.c.digest.startswith(_PREFIX)
    rows = connection.execute(sa.select(erasures).where(mine)).mappings()
    return {row["digest"]: Erasure(**row) for row in rows}


def borne_out(
    connection: sa.Connection,
    records: Iterable[CallRecord],
    known: Mapping[str, Erasure],
) -> set[str]:
    """Return the ids of those calls whose tombstone in *known* is on the log too.

    One that somebody put into the table alone hides nothing.
    """
    found = set()
    for record in records:
        name = tombstone(record)
        if name in known and logged(connection, _about(f"Blob/{name}")):
            found.add(record.call_id)
    return found


def _about(resource: str) -> Where:
    return lambda c: (c.resource == resource, c.action == ACTION)


def forget_answer(connection: sa.Connection, call_id: str) -> None:
    """Forget what is kept to answer the idempotency key of a call once more."""
    connection.execute(idempotency.delete().where(idempotency.c.owner == call_id))


def strip(
    history: History, root: Path, segment: Segment, call_ids: Iterable[str]
) -> None:
    """Write the payloads of *segment* anew without those of some calls. Blocks.

    Whole or not at all; doing it again does no harm.
    """
    if segment.payloads is None:
        return
    file, gone = root / segment.payloads.path, set(call_ids)
    lock = ProcessLock.hold(file.with_name(f".{file.name}.lock"))
    try:
        payloads = history.payloads(file)
        kept = [payload for payload in payloads if payload.call_id not in gone]
        if len(kept) < len(payloads):
            write_file(history, "payloads", map(_encode, kept), file)
    finally:
        lock.release(remove=True)
