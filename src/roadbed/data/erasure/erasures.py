"""Bytes that were erased on purpose: what they were stays known, they do not.

A tombstone names the digest, the reason and the actor, and is on the audit log. What
named the bytes goes on naming them, so that custody stays intact.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.errors import Conflict, NotFound, RoadbedError
from roadbed.data.erasure.tables import erasures
from roadbed.ports.blobs import Blobs

ACTION = "blob.erase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A tombstone: which bytes are gone, why, and who decided it. Time is UTC µs."""

    digest: str
    reason: str
    actor: str
    at_us: int


NOTHING_ERASED: Mapping[str, Erasure] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Condition:
    """How a blob stands today, and in words why, unless all is well."""

    state: Literal["whole", "erased", "broken"]
    reason: str = ""


def condition(blobs: Blobs, erased: Mapping[str, Erasure], digest: str) -> Condition:
    """Read the blob again and return how it stands.

    Erased is what has a tombstone and is gone. Bytes with a tombstone that are still
    here are broken: somebody was told that they are not.
    """
    tombstone = erased.get(digest)
    try:
        blobs.path(digest)
    except NotFound:
        if tombstone is not None:
            told = f"erased by {tombstone.actor}: {tombstone.reason}"
            return Condition("erased", told)
        return Condition("broken", "is missing")
    except RoadbedError:
        return Condition("broken", "is not what was written")
    except OSError as error:
        return Condition("broken", f"cannot be read: {error.strerror}")
    if tombstone is not None:
        return Condition("broken", "was erased, and its bytes are still here")
    return Condition("whole")


def list_erasures(connection: sa.Connection) -> dict[str, Erasure]:
    """Return every tombstone by the digest of the bytes that are gone."""
    rows = connection.execute(sa.select(erasures)).mappings()
    return {row["digest"]: Erasure(**row) for row in rows}


def record_erasure(connection: sa.Connection, made: Erasure) -> None:
    """Write the tombstone, in the log too; whoever calls this removes the bytes.

    Raises Conflict if there is one already.
    """
    hold(connection)
    if made.digest in list_erasures(connection):
        raise Conflict(f"{made.digest} was erased before")
    connection.execute(erasures.insert().values(**asdict(made)))
    append(connection, made.at_us, entry_of(made))


def entry_of(made: Erasure) -> Entry:
    """Return the audit entry of an erasure."""
    detail = {"digest": made.digest, "reason": made.reason}
    return Entry(made.actor, ACTION, f"Blob/{made.digest}", detail=detail)
