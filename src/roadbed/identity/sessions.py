"""Console sessions: eight hours at most, and never longer than what is behind them.

Behind a session is a key, or a person whom an identity provider vouched for.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import Principal
from roadbed.core.errors import Unauthenticated
from roadbed.core.secret import Secret
from roadbed.identity import tables
from roadbed.identity.directory import Subject
from roadbed.identity.oidc import FRESH_US, Proven
from roadbed.identity.tokens import SESSION, credential_digest, new_token

LIFETIME_US = 8 * 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open session; `key_digest` leads to the principal in a snapshot."""

    key_digest: str
    principal: str
    created_us: int
    expires_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSession:
    """An open session of a person, who leads to a principal in a directory.

    What the provider said at sign-in stays as it was: groups, and when the person
    last proved who they are (0 if it did not say).
    """

    digest: str
    subject: Subject
    methods: frozenset[str]
    authenticated_us: int
    created_us: int
    expires_us: int

    @property
    def principal(self) -> str:
        """Return the principal as the audit log writes it."""
        return str(self.subject)

    @property
    def fresh_until_us(self) -> int:
        """Return until when privileged acts may follow; 0 if never."""
        return self.authenticated_us + FRESH_US if self.authenticated_us else 0


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


def open_person_session(
    connection: sa.Connection, proven: Proven, provider: str, now_us: int
) -> Secret:
    """Open a session for the person that *provider* vouched for; return its token.

    It ends after eight hours, however busy it is.
    """
    table, token, subject = tables.person_sessions, new_token(SESSION), proven.subject
    methods = sorted(proven.methods)
    detail = {"provider": provider, "methods": methods}
    append(
        connection,
        now_us,
        Entry(str(subject), "session.open", "Session/console", detail=detail),
    )
    connection.execute(table.delete().where(table.c.expires_us <= now_us))
    connection.execute(
        table.insert().values(
            digest=credential_digest(token.reveal()),
            issuer=subject.issuer,
            subject=subject.name,
            title=subject.title,
            groups=sorted(subject.groups),
            methods=methods,
            authenticated_us=proven.authenticated_us,
            created_us=now_us,
            expires_us=now_us + LIFETIME_US,
        )
    )
    return token


def find_session(
    connection: sa.Connection, token: str, now_us: int
) -> Session | PersonSession | None:
    """Return the session that *token* opens at *now_us*, None if there is none.

    It is gone as soon as the key behind it is revoked or expired. Whether the
    provider of a person is still declared, the directory says.
    """
    digest = credential_digest(token)
    of_key = _of_key(connection, digest, now_us)
    return of_key or _of_person(connection, digest, now_us)


def end_session(connection: sa.Connection, token: str, now_us: int) -> None:
    """End the session that *token* opens; ending it again changes nothing."""
    hold(connection)
    session = find_session(connection, token, now_us)
    if session is None:
        return
    entry = Entry(session.principal, "session.end", "Session/console")
    append(connection, now_us, entry)
    for table in (tables.sessions, tables.person_sessions):
        same = table.c.digest == credential_digest(token)
        connection.execute(table.delete().where(same))


def end_sessions(connection: sa.Connection, subject: Subject) -> int:
    """End every console session of the person *subject*; return how many there were.

    For whoever revokes a person, and writes that down.
    """
    table = tables.person_sessions
    theirs = sa.and_(table.c.issuer == subject.issuer, table.c.subject == subject.name)
    return connection.execute(table.delete().where(theirs)).rowcount


def _of_key(connection: sa.Connection, digest: str, now_us: int) -> Session | None:
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
            table.c.digest == digest,
            table.c.expires_us > now_us,
            keys.c.revoked_us.is_(None),
            keys.c.expires_us > now_us,
        )
    )
    row = connection.execute(query).mappings().first()
    return Session(**row) if row else None


def _of_person(
    connection: sa.Connection, digest: str, now_us: int
) -> PersonSession | None:
    table = tables.person_sessions
    query = table.select().where(table.c.digest == digest, table.c.expires_us > now_us)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    subject = Subject(
        kind="user",
        name=row["subject"],
        issuer=row["issuer"],
        groups=frozenset(row["groups"]),
        title=row["title"],
    )
    return PersonSession(
        digest=digest,
        subject=subject,
        methods=frozenset(row["methods"]),
        authenticated_us=row["authenticated_us"],
        created_us=row["created_us"],
        expires_us=row["expires_us"],
    )
