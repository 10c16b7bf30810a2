"""Idempotency keys in the control database: one answer for each, on any replica.

All of it blocks: it runs in worker threads, and only for calls that send a key.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from roadbed.database.engine import Database
from roadbed.gateway.tables import idempotency as table

KEPT_US = 24 * 3600 * 1_000_000
_CLAIM = sa.text(
    "INSERT INTO idempotency (key, asked, owner, lease_us, expires_us) "
    "VALUES (:key, :asked, :owner, :lease_us, :expires_us) "
    "ON CONFLICT (key) DO NOTHING"
)


class Wanted(NamedTuple):
    """Who wants to answer what: digests of key and request, and the call's id.

    *lease_us* is how long it may take at most; if its process dies, the key is free
    again after that.
    """

    key: str
    asked: str
    owner: str
    lease_us: int


class Claim(NamedTuple):
    """What became of a wish to answer.

    `mine`: go on, and say how it ended; `busy`: another call is answering; `done`: it
    was answered, with `answer`; `other`: the key came with another request.
    """

    state: Literal["mine", "busy", "done", "other"]
    answer: bytes = b""


class Keys:
    """Remembers each key for a day. Raises SQLAlchemyError or OSError in need."""

    def __init__(self, database: Database, now_us: Callable[[], int]) -> None:
        self._database = database
        self._now_us = now_us

    def claim(self, wanted: Wanted) -> Claim:
        """Claim a key: of all that do at once, one gets it."""
        with self._database.read() as connection:
            known = self._judge(_find(connection, wanted.key), wanted)
        if known is not None:
            return known
        with self._database.write() as connection:
            row = _find(connection, wanted.key)
            return self._judge(row, wanted) or self._take(connection, row, wanted)

    def answer(self, key: str, owner: str, answer: bytes) -> None:
        """Keep what the call *owner* was answered, if the key is still its own."""
        with self._database.write() as connection:
            change = table.update().where(_is(key, owner))
            connection.execute(change.values(answer=answer))

    def release(self, key: str, owner: str) -> None:
        """Forget the claim of the call *owner*: whoever comes may claim the key."""
        with self._database.write() as connection:
            connection.execute(table.delete().where(_is(key, owner)))

    def owner(self, key: str) -> str:
        """Return the id of the call that answered *key* or is answering it, or ``."""
        with self._database.read() as connection:
            row = _find(connection, key)
        known = row is not None and row.expires_us > self._now_us()
        return row.owner if row is not None and known else ""

    def purge(self) -> int:
        """Forget the keys whose day is over; return how many there were."""
        with self._database.write() as connection:
            over = table.c.expires_us <= self._now_us()
            return connection.execute(table.delete().where(over)).rowcount

    def _judge(self, row: sa.Row[Any] | None, wanted: Wanted) -> Claim | None:
        """Return what *row* says about a wish; None if the key is free."""
        now_us = self._now_us()
        if row is None or row.expires_us <= now_us:
            return None
        if row.asked != wanted.asked:
            return Claim("other")
        if row.answer is not None:
            return Claim("done", row.answer)
        return Claim("busy") if row.lease_us > now_us else None

    def _take(
        self, connection: sa.Connection, row: sa.Row[Any] | None, wanted: Wanted
    ) -> Claim:
        now_us = self._now_us()
        values: dict[str, Any] = {
            "asked": wanted.asked,
            "owner": wanted.owner,
            "lease_us": now_us + wanted.lease_us,
            "expires_us": now_us + KEPT_US,
        }
        if row is None:
            done = connection.execute(_CLAIM, {"key": wanted.key, **values})
        else:
            change = table.update().where(_is(wanted.key, row.owner))
            done = connection.execute(change.values(answer=None, **values))
        return Claim("mine" if done.rowcount == 1 else "busy")


def digest(*parts: str, body: bytes = b"") -> str:
    """Return a digest that tells apart what *parts* and *body* say."""
    found = hashlib.blake2b(digest_size=32)
    for part in (*(p.encode("utf-8", "surrogatepass") for p in parts), body):
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def _find(connection: sa.Connection, key: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(table).where(table.c.key == key)).first()


def _is(key: str, owner: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.key == key, table.c.owner == owner)
