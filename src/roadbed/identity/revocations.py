"""Tokens that end before their time: one of them, or all of a subject's.

Each revocation is written with its audit entry and counts `serving` up, so that
replicas refuse within a second.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from roadbed.audit.entry import MAX_TEXT, Entry
from roadbed.audit.log import append, hold
from roadbed.core.errors import Invalid
from roadbed.database.tables import bump
from roadbed.identity import tables
from roadbed.identity.directory import Subject, read_subject
from roadbed.identity.jwt import FOREIGN_LIFETIME_US, LEEWAY_US, names
from roadbed.identity.proof import Proof
from roadbed.identity.sessions import end_sessions

JTI, SUBJECT = "jti", "subject"
KEPT_US = 2 * (FOREIGN_LIFETIME_US + LEEWAY_US)
"""How long a revocation is looked at: by then, whatever it concerns has expired."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was revoked: tokens by their ids, and subjects until a moment."""

    tokens: frozenset[str] = frozenset()
    subjects: Mapping[str, int] = field(default_factory=dict)

    def covers(self, proof: Proof) -> bool:
        """Say whether *proof*, or anything that it descends from, was revoked.

        A subject's revocation reaches whoever acts for somebody too.
        """
        if not self.tokens.isdisjoint(proof.line):
            return True
        concerned = (proof.subject, *proof.actors)
        return any(self.ended(subject, proof.since_us) for subject in concerned)

    def ended(self, subject: Subject, since_us: int) -> bool:
        """Say whether what was proven of *subject* at *since_us* was revoked since."""
        return since_us <= self.subjects.get(str(subject), -1)


def load_revoked(connection: sa.Connection, now_us: int) -> Revoked:
    """Return the revocations that can still concern a token at *now_us*."""
    table = tables.revocations
    recent = table.c.revoked_us > now_us - KEPT_US
    rows = connection.execute(sa.select(table).where(recent)).all()
    return Revoked(
        tokens=frozenset(f"jti:{row.name}" for row in rows if row.kind == JTI),
        subjects={row.name: row.revoked_us for row in rows if row.kind == SUBJECT},
    )


def revoke_token(
    connection: sa.Connection, jti: str, now_us: int, *, revoked_by: str
) -> None:
    """End the token called *jti* and all that were made from it; again changes nothing.

    Whether there is such a token is not known: it is kept nowhere.
    """
    if not _fits(jti):
        raise Invalid("this is no id of a token", hint="it stands in its claim `jti`")
    hold(connection)
    _write(connection, JTI, jti, now_us, revoked_by)


def revoke_subject(
    connection: sa.Connection, subject: str, now_us: int, *, revoked_by: str
) -> None:
    """End every token and session of *subject* that was made until now.

    What was exchanged for such a token ends with it.

    *subject* is spelled as in the tokens: `agent:NAME`, `service-account:NAME` or
    `user:ISSUER#SUBJECT`. A credential that it can still show buys new ones: take it
    out of the stack, or out of its provider, first.
    """
    named = read_subject(subject)
    if named is None or not _fits(subject):
        raise Invalid(
            "this is no subject",
            hint="write agent:NAME, service-account:NAME or user:ISSUER#SUBJECT",
        )
    hold(connection)
    end_sessions(connection, named)
    _write(connection, SUBJECT, subject, now_us, revoked_by)


def _fits(name: str) -> bool:
    """Say whether the audit log can hold *name* whole."""
    return names(name) and len(f"Token/{name}") <= MAX_TEXT


def _write(
    connection: sa.Connection, kind: str, name: str, now_us: int, revoked_by: str
) -> None:
    table = tables.revocations
    same = (table.c.kind == kind, table.c.name == name)
    before = connection.execute(sa.select(table.c.revoked_us).where(*same)).scalar()
    if before is not None and (kind == JTI or before >= now_us):
        return
    entry = Entry(revoked_by, "token.revoke", f"Token/{name}", detail={"kind": kind})
    append(connection, now_us, entry)
    values = {"revoked_us": now_us, "revoked_by": revoked_by}
    if before is None:
        insert = table.insert().values(kind=kind, name=name, **values)
        connection.execute(insert)
    else:
        connection.execute(table.update().where(*same).values(**values))
    bump(connection, "serving")


def ended(names: Iterable[str], live: Mapping[str, int], now_us: int) -> bool:
    """Say whether one of *names* that are keys or rules is not among the *live*."""
    return any(
        live.get(name, 0) <= now_us for name in names if not name.startswith("jti:")
    )
