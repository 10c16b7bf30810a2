"""Keys of service accounts: made, listed, revoked, and the token that buys the first.

Each change is written with its audit entry and counts `serving` up, so that
replicas learn of it within a second.
"""

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import SYSTEM
from roadbed.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from roadbed.core.reference import NAME
from roadbed.core.secret import Secret
from roadbed.database.tables import bump
from roadbed.identity import tables
from roadbed.identity.credentials import OPERATOR
from roadbed.identity.tokens import (
    BOOTSTRAP,
    KEY,
    credential_digest,
    new_id,
    new_token,
)

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DEFAULT_LIFETIME_US = 30 * DAY_US
MAX_LIFETIME_US = 90 * DAY_US
MAX_LIVE = 2
"""Two keys of an account live side by side, so that one can replace the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made. `secret` is the whole key; nobody can show it again."""

    id: str
    account: str
    expires_us: int
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """What may be told about a key."""

    id: str
    account: str
    created_us: int
    created_by: str
    expires_us: int
    revoked_us: int | None
    revoked_by: str | None

    def live(self, now_us: int) -> bool:
        """Say whether the key works at *now_us*."""
        return self.revoked_us is None and now_us < self.expires_us


def create_key(
    connection: sa.Connection,
    account: str,
    *,
    now_us: int,
    lifetime_us: int = DEFAULT_LIFETIME_US,
    created_by: str,
) -> NewKey:
    """Make a key for *account* within the caller's transaction and return it.

    `created_by` is the principal as text. Raises Invalid for a lifetime that is
    not within 90 days, Conflict if two keys of the account are live already.
    """
    _check(account, lifetime_us)
    key_id, expires_us = new_id(), now_us + lifetime_us
    secret = new_token(KEY, key_id)
    digest = credential_digest(secret.reveal())
    detail = {"account": account, "expires_us": expires_us, "digest": digest}
    entry = Entry(created_by, "key.create", f"Key/{key_id}", detail=detail)
    hold(connection)  # One at a time counts the keys that are live.
    append(connection, now_us, entry)
    if len(_live(connection, account, now_us)) >= MAX_LIVE:
        raise Conflict(
            f"{account} has {MAX_LIVE} live keys already",
            hint="revoke the one that is no longer used, then make a new one",
        )
    connection.execute(
        tables.keys.insert().values(
            id=key_id,
            account=account,
            digest=digest,
            created_us=now_us,
            created_by=created_by,
            expires_us=expires_us,
        )
    )
    bump(connection, "serving")
    return NewKey(id=key_id, account=account, expires_us=expires_us, secret=secret)


def list_keys(connection: sa.Connection) -> list[KeyInfo]:
    """Return what is known about every key, newest first."""
    table = tables.keys
    query = _known().order_by(table.c.created_us.desc(), table.c.id)
    return [KeyInfo(**row) for row in connection.execute(query).mappings()]


def find_key(connection: sa.Connection, key_id: str) -> KeyInfo | None:
    """Return what is known about one key, or None."""
    query = _known().where(tables.keys.c.id == key_id)
    row = connection.execute(query).mappings().first()
    return KeyInfo(**row) if row else None


def revoke_key(
    connection: sa.Connection, key_id: str, now_us: int, *, revoked_by: str
) -> None:
    """Make a key stop working for good; revoking it again changes nothing.

    Raises NotFound if there is no such key.
    """
    table = tables.keys
    same = table.c.id == key_id
    hold(connection)
    if connection.execute(sa.select(table.c.id).where(same)).first() is None:
        raise NotFound(f"there is no key {key_id!r}", hint="`roadbed key list`")
    change = table.update().where(same, table.c.revoked_us.is_(None))
    done = connection.execute(change.values(revoked_us=now_us, revoked_by=revoked_by))
    if done.rowcount:
        entry = Entry(revoked_by, "key.revoke", f"Key/{key_id}")
        append(connection, now_us, entry)
        bump(connection, "serving")


def create_bootstrap(connection: sa.Connection, now_us: int) -> Secret:
    """Make the token that buys the first key of `operator`; it lives one hour.

    A new one replaces those that nobody used. Only who can write the database can
    call this: no route does.
    """
    table = tables.bootstraps
    secret = new_token(BOOTSTRAP)
    hold(connection)
    append(connection, now_us, Entry(str(SYSTEM), "bootstrap.create", "Key/bootstrap"))
    connection.execute(table.delete().where(table.c.used_us.is_(None)))
    connection.execute(
        table.insert().values(
            digest=credential_digest(secret.reveal()),
            created_us=now_us,
            expires_us=now_us + HOUR_US,
        )
    )
    return secret


def redeem_bootstrap(connection: sa.Connection, token: str, now_us: int) -> NewKey:
    """Trade a bootstrap token for a key of `operator`, once.

    If two keys of `operator` are live, the older one is revoked: whoever lost
    them all gets back in. Raises Unauthenticated if the token was used, has
    expired or never was.
    """
    table = tables.bootstraps
    unused = table.update().where(
        table.c.digest == credential_digest(token),
        table.c.used_us.is_(None),
        table.c.expires_us > now_us,
    )
    hold(connection)
    # One statement both checks and marks it, so two callers cannot both win.
    if connection.execute(unused.values(used_us=now_us)).rowcount != 1:
        raise Unauthenticated(
            "the bootstrap token was used, has expired, or never was",
            hint="a security-admin makes keys with `roadbed key create`",
        )
    actor = "bootstrap-token"
    append(connection, now_us, Entry(actor, "bootstrap.redeem", "Key/bootstrap"))
    for key_id in _live(connection, OPERATOR, now_us)[MAX_LIVE - 1 :]:
        revoke_key(connection, key_id, now_us, revoked_by=actor)
    return create_key(connection, OPERATOR, now_us=now_us, created_by=actor)


def _check(account: str, lifetime_us: int) -> None:
    if re.fullmatch(NAME, account) is None:
        raise Invalid(f"{account!r} is no name of a service account")
    if not 0 < lifetime_us <= MAX_LIFETIME_US:
        raise Invalid(
            f"a key lives between a moment and {MAX_LIFETIME_US // DAY_US} days",
            hint="make a new key beside the old one before it expires",
        )


def _known() -> sa.Select[Any]:
    columns = [c for c in tables.keys.c if c.name != "digest"]
    return sa.select(*columns)


def _live(connection: sa.Connection, account: str, now_us: int) -> list[str]:
    """Return the ids of the account's live keys, newest first."""
    table = tables.keys
    query = sa.select(table.c.id).where(
        table.c.account == account,
        table.c.revoked_us.is_(None),
        table.c.expires_us > now_us,
    )
    query = query.order_by(table.c.created_us.desc(), table.c.id)
    return list(connection.execute(query).scalars())
