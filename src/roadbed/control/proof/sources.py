"""Where a walk looks: rows against the log, entries in it, blobs by their digests."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import sqlalchemy as sa

from roadbed.audit.proof import EntryProof
from roadbed.control.custody import check
from roadbed.control.proof.link import Link, State
from roadbed.core.errors import NotReady, RoadbedError
from roadbed.data.erasure.erasures import (
    NOTHING_ERASED,
    Condition,
    Erasure,
    condition,
    list_erasures,
)
from roadbed.data.erasure.tables import erasures
from roadbed.database.engine import Database
from roadbed.gateway.calls import Found
from roadbed.gateway.proof import CallProof
from roadbed.ports.blobs import Blobs


class Log(Protocol):
    """The audit log: proves that an entry is under a signed checkpoint."""

    def prove(self, seq: int) -> EntryProof:
        """Return the proof; raise Corrupt, NotFound or NotReady."""
        ...


class Calls(Protocol):
    """The call log."""

    def find(self, call_id: str) -> Found:
        """Return the call; raise NotFound or Invalid."""
        ...

    def prove(self, call_id: str) -> CallProof:
        """Return its proof; raise NotReady or Corrupt."""
        ...

    def verify_segment(self, segment_id: str) -> tuple[str, ...]:
        """Return what is wrong with a sealed batch, in words."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a walk reads; `erased` are the tombstones, `seen` what was hashed before."""

    database: Database
    blobs: Blobs
    log: Log
    calls: Calls
    erased: Mapping[str, Erasure] = field(default_factory=lambda: NOTHING_ERASED)
    seen: dict[str, Condition] = field(default_factory=dict)

    def row(self, link: Link, table: sa.Table, **key: Any) -> Link:
        """Return *link* held to the log: its row, and the entry that bears it out."""
        with self.database.read() as connection:
            checked = check(connection, table, **key)
        if checked.findings:
            reason = "; ".join(checked.findings)
            return replace(link, state="BROKEN", reason=reason)
        if checked.seq is None:
            return replace(link, state="BROKEN", reason="there is no such row")
        state, reason = self.entry(checked.seq)
        return (
            link if state == "VERIFIED" else replace(link, state=state, reason=reason)
        )

    def entry(self, seq: int) -> tuple[State, str]:
        """Say how audit entry *seq* stands to the signed checkpoints, and why."""
        try:
            self.log.prove(seq)
        except NotReady as error:
            return "UNSEALED", error.message
        except RoadbedError as error:
            return "BROKEN", error.message
        return "VERIFIED", ""

    def blob(self, kind: str, name: str, digest: str, owner: str = "") -> Link:
        """Return a blob as a hop, read and hashed again."""
        if digest not in self.seen:
            self.seen[digest] = condition(self.blobs, self.erased, digest)
        found = self.seen[digest]
        states: dict[str, State] = {
            "whole": "VERIFIED",
            "erased": "ERASED",
            "broken": "BROKEN",
        }
        return Link(
            kind=kind,
            name=name,
            digest=digest,
            state=states[found.state],
            reason=found.reason,
            owner=owner,
        )


def erased_in(connection: sa.Connection) -> dict[str, Erasure]:
    """Return the tombstones that the audit log bears out; others hide nothing."""
    return {
        digest: found
        for digest, found in list_erasures(connection).items()
        if not check(connection, erasures, digest=digest).findings
    }


def broken(link: Link, error: RoadbedError) -> Link:
    """Return *link* as one that cannot be followed."""
    return replace(link, state="BROKEN", reason=error.message)
