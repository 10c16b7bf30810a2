"""Sign-ins under way: begun by one replica, finished by any, within ten minutes."""

from dataclasses import dataclass

import sqlalchemy as sa

from roadbed.core.errors import Unauthenticated
from roadbed.core.secret import Secret
from roadbed.identity import tables
from roadbed.identity.tokens import credential_digest

LIFETIME_US = 600_000_000
MAX_PENDING = 10_000
"""Beyond so many at once the oldest are given up: anybody may begin one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that was begun: with which provider, and where it leads.

    `again` says that the person had to prove anew who they are.
    """

    provider: str
    back: str
    again: bool
    created_us: int


def begin(
    connection: sa.Connection, begun: Begun, *, state: str, browser: Secret
) -> None:
    """Remember *begun* as the sign-in *state* of the browser that holds *browser*."""
    table = tables.signins
    _make_room(connection, begun.created_us)
    connection.execute(
        table.insert().values(
            state=credential_digest(state),
            browser=credential_digest(browser.reveal()),
            provider=begun.provider,
            back=begun.back,
            again=begun.again,
            created_us=begun.created_us,
            expires_us=begun.created_us + LIFETIME_US,
        )
    )


def finish(
    connection: sa.Connection, *, state: str, browser: Secret, now_us: int
) -> Begun:
    """Return the sign-in *state* of this browser, for the first and only time.

    Raises Unauthenticated if it was finished, is too old, was begun by another
    browser, or never was.
    """
    table = tables.signins
    same = sa.and_(
        table.c.state == credential_digest(state),
        table.c.browser == credential_digest(browser.reveal()),
        table.c.expires_us > now_us,
    )
    columns = (table.c.provider, table.c.back, table.c.again, table.c.created_us)
    row = connection.execute(sa.select(*columns).where(same)).mappings().first()
    # Of several that read the row at once, the one that deletes it goes on.
    if row is None or connection.execute(table.delete().where(same)).rowcount != 1:
        raise Unauthenticated(
            "this sign-in is not known here: it was finished already, began in another "
            "browser, or is older than ten minutes",
            hint="begin it again below",
        )
    return Begun(**row)


def _make_room(connection: sa.Connection, now_us: int) -> None:
    table = tables.signins
    connection.execute(table.delete().where(table.c.expires_us <= now_us))
    count = sa.select(sa.func.count()).select_from(table)
    excess = connection.execute(count).scalar_one() - MAX_PENDING + 1
    if excess <= 0:
        return
    oldest = sa.select(table.c.state).order_by(table.c.expires_us, table.c.state)
    states = connection.execute(oldest.limit(excess)).scalars().all()
    connection.execute(table.delete().where(table.c.state.in_(states)))
