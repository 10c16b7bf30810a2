"""Console sessions: eight hours at most, and never longer than the key behind them."""

from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import Principal
from roadbed.core.errors import Unauthenticated
from roadbed.core.secret import Secret
from roadbed.identity import tables
from roadbed.identity.tokens import SESSION, credential_digest, new_token

LIFETIME_US = 8 * 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open session; `key_digest` leads to the principal in a snapshot."""

    key_digest: str
    principal: str
    created_us: int
    expires_us: int


def open_session(
    connection: sa.Connection, principal: Principal, now_us: int
) -> Secret:
    """Open a session for *principal*, signed in with a key, and return its token.

    It ends after eight hours, however busy it is. Raises Unauthenticated if no
    key proved the principal.
    """
    if not principal.digest:
        raise Unauthenticated("a session is opened with a key")
    table, token = tables.sessions, new_token(SESSION)
    hold(connection)
    append(connection, now_us, Entry(str(principal), "session.open", "Session/console"))
    connection.execute(table.delete().where(table.c.expires_us <= now_us))
    connection.execute(
        table.insert().values(
            digest=credential_digest(token.reveal()),
            key_digest=principal.digest,
            principal=str(principal),
            created_us=now_us,
            expires_us=min(now_us + LIFETIME_US, principal.expires_us),
        )
    )
    return token


def find_session(connection: sa.Connection, token: str, now_us: int) -> Session | None:
    """Return the session that *token* opens at *now_us*, None if there is none.

    It is gone as soon as the key behind it is revoked or expired.
    """
    table, keys = tables.sessions, tables.keys
    query = (
        sa.select(
            table.c.key_digest,
            table.c.principal,
            table.c.created_us,
            table.c.expires_us,
        )
        .join(keys, keys.c.digest == table.c.key_digest)
        .where(
            table.c.digest == credential_digest(token),
            table.c.expires_us > now_us,
            keys.c.revoked_us.is_(None),
            keys.c.expires_us > now_us,
        )
    )
    row = connection.execute(query).mappings().first()
    return Session(**row) if row else None


def end_session(connection: sa.Connection, token: str, now_us: int) -> None:
    """End the session that *token* opens; ending it again changes nothing."""
    hold(connection)
    session = find_session(connection, token, now_us)
    if session is None:
        return
    entry = Entry(session.principal, "session.end", "Session/console")
    append(connection, now_us, entry)
    table = tables.sessions
    same = table.c.digest == credential_digest(token)
    connection.execute(table.delete().where(same))
