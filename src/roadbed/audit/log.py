"""The log of one database: read it, sign it, prove an entry of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.checkpoint import Checkpoint, read_checkpoint
from roadbed.audit.copies import append_note, newest_note
from roadbed.audit.entry import Entry, Outcome, Recorded
from roadbed.audit.kept import KeptTiles
from roadbed.audit.merkle import EMPTY, Frontier, inclusion_path
from roadbed.audit.note import read_note, read_verifier
from roadbed.audit.outbox import append, hold
from roadbed.audit.proof import EntryProof
from roadbed.audit.rows import COLUMNS, from_row, frontier_of, nodes_of
from roadbed.audit.sequencer import catch_up, lead, sequence
from roadbed.audit.signer import Signer
from roadbed.audit.tiles import subtree
from roadbed.core.clock import Clock, to_us
from roadbed.core.errors import Corrupt, Invalid, NotFound, NotReady
from roadbed.database.engine import Database

__all__ = ["AuditLog", "AuditQuery", "append", "hold"]
_MEND = "run `roadbed audit verify`: it names what is wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What to look for; an empty text means any, `before_seq` is exclusive."""

    actor: str = ""
    action: str = ""
    resource: str = ""
    outcome: Outcome | None = None
    before_seq: int | None = None
    limit: int = 100


class AuditLog:
    """The log of one database: to search in, to record denials, to sign.

    `copies` is a folder outside the database, best on another disk or in Git.
    """

    def __init__(
        self, database: Database, signer: Signer, clock: Clock, copies: Path
    ) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._copies = copies

    def record(self, *entries: Entry) -> None:
        """Write *entries* in a transaction of their own: for what changed nothing.

        They are durable when this returns.
        """
        with self._database.write() as connection:
            append(connection, to_us(self._clock.now()), *entries)

    def checkpoint(self) -> Checkpoint | None:
        """Sign the log as it stands, here and in the copy; None if it has not grown.

        What waits is moved into the log first. Costs two short reads when there is
        nothing to sign. Raises Corrupt, and signs nothing, if the log does not
        continue what was signed before.
        """
        sequence(self._database)
        with self._database.read() as connection:
            if _size(connection) == _newest(connection)[0].size:
                return None
        with self._database.write() as connection:
            frontier = lead(connection)
            base, at_us = _newest(connection)
            if frontier == base:
                return None
            leaves = _leaves(connection, base.size)
            _check_growth(base, frontier, leaves, self._witness())
            now_us = max(at_us, to_us(self._clock.now()))
            return self._sign(connection, frontier, now_us)

    def size(self) -> int:
        """Return how many entries the log has."""
        with self._database.read() as connection:
            return _size(connection)

    def search(self, query: AuditQuery) -> list[Recorded]:
        """Return the entries that match, newest first."""
        catch_up(self._database)
        with self._database.read() as connection:
            return [from_row(row) for row in connection.execute(_select(query))]

    def get(self, seq: int) -> Recorded:
        """Return entry number *seq*; raise NotFound if there is none."""
        catch_up(self._database)
        with self._database.read() as connection:
            return _get(connection, seq)

    def prove(self, seq: int) -> EntryProof:
        """Return the proof that entry *seq* is under the newest checkpoint.

        The log is signed first if it has grown. Raises NotFound if there is no such
        entry, Corrupt if it is not under what was signed.
        """
        self.checkpoint()
        with self._database.read() as connection:
            entry, signed = _get(connection, seq), _signed(connection, seq)
            for trust in (True, False):
                proof = _prove(KeptTiles(connection, trust=trust), entry, signed)
                own = read_verifier(self._signer.public_key)
                if not proof.findings([own]):
                    return proof
        raise Corrupt(
            f"entry {seq} cannot be proven: {proof.findings([own])[0]}", hint=_MEND
        )

    def _sign(
        self, connection: sa.Connection, frontier: Frontier, at_us: int
    ) -> Checkpoint:
        plain = Checkpoint(
            origin=self._signer.origin,
            size=frontier.size,
            root=frontier.root(),
            at_us=at_us,
        )
        signed = replace(plain, note=self._signer.sign(plain.body()))
        connection.execute(
            tables.checkpoints.insert().values(
                size=signed.size,
                at_us=at_us,
                root=signed.root.hex(),
                nodes=nodes_of(frontier),
                note=signed.note,
            )
        )
        # The copy comes first: a crash here leaves a true note over entries that
        # are already durable, never a checkpoint that only the database knows.
        append_note(self._copies, signed.note)
        return signed

    def _witness(self) -> Checkpoint | None:
        """Return the newest checkpoint in the copy, if this log's key signed it."""
        signed = newest_note(self._copies)
        if signed is None:
            return None
        try:
            note = read_note(signed)
            own = note.signed_by(read_verifier(self._signer.public_key))
            return read_checkpoint(note.text) if own else None
        except Invalid:
            return None


def _check_growth(
    base: Frontier,
    tree: Frontier,
    leaves: Iterable[bytes],
    witness: Checkpoint | None,
) -> None:
    """Raise Corrupt unless *base* and then *leaves* lead to *tree*, past *witness*."""
    signed = max(base.size, witness.size if witness else 0)
    if tree.size < signed:
        raise Corrupt(
            f"the audit log has {tree.size} entries, but a checkpoint over "
            f"{signed} was signed",
            hint=_MEND,
        )
    grown = base
    _check_witness(grown, witness)
    for leaf in leaves:
        grown = grown.append(leaf)
        _check_witness(grown, witness)
    if grown != tree:
        raise Corrupt(
            f"the audit log after entry {base.size} is not what was appended",
            hint=_MEND,
        )


def _check_witness(grown: Frontier, witness: Checkpoint | None) -> None:
    if witness and grown.size == witness.size and grown.root() != witness.root:
        raise Corrupt(
            f"the first {grown.size} audit entries are not those that were signed",
            hint=_MEND,
        )


def _get(connection: sa.Connection, seq: int) -> Recorded:
    query = sa.select(*COLUMNS).where(tables.entries.c.seq == seq)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"the audit log has no entry {seq}")
    return from_row(row)


def _signed(connection: sa.Connection, seq: int) -> str:
    """Return the newest note, which must be signed over entry *seq*."""
    table = tables.checkpoints
    query = sa.select(table.c.note).where(table.c.size >= seq)
    note = connection.execute(query.order_by(table.c.size.desc()).limit(1)).scalar()
    if note is None:
        raise NotReady(f"no checkpoint covers entry {seq} yet", hint=_MEND)
    return note


def _prove(tiles: KeptTiles, entry: Recorded, note: str) -> EntryProof:
    def between(low: int, high: int) -> bytes:
        return subtree(tiles.read, low, high)

    size = read_checkpoint(read_note(note).text).size
    index = entry.seq - 1
    path = tuple(inclusion_path(size, index, between))
    return EntryProof(index=index, data=entry.data() or b"?", path=path, note=note)


def _newest(connection: sa.Connection) -> tuple[Frontier, int]:
    """Return the frontier and the time of the newest checkpoint in the database."""
    table = tables.checkpoints
    query = sa.select(table).order_by(table.c.size.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (frontier_of(row.size, row.nodes), row.at_us) if row else (EMPTY, 0)


def _size(connection: sa.Connection) -> int:
    return connection.execute(sa.select(tables.tree.c.size)).scalar() or 0


def _leaves(connection: sa.Connection, after: int) -> list[bytes]:
    table = tables.entries
    query = sa.select(table.c.leaf).where(table.c.seq > after).order_by(table.c.seq)
    try:
        return [bytes.fromhex(leaf) for leaf in connection.execute(query).scalars()]
    except ValueError:
        raise Corrupt("a hash in the audit log is damaged", hint=_MEND) from None


def _select(query: AuditQuery) -> sa.Select[Any]:
    table = tables.entries
    chosen = sa.select(*COLUMNS).order_by(table.c.seq.desc()).limit(query.limit)
    for name in ("actor", "action", "resource", "outcome"):
        wanted = getattr(query, name)
        if wanted:
            chosen = chosen.where(table.c[name] == wanted)
    if query.before_seq is not None:
        chosen = chosen.where(table.c.seq < query.before_seq)
    return chosen
