"""Ask every process to seal now what it would seal within a minute."""

import sqlalchemy as sa

from roadbed.database.tables import bump, current

_COUNTER = "seal"


def ask_to_seal(connection: sa.Connection) -> None:
    """Ask, within the caller's transaction; processes look several times a second."""
    bump(connection, _COUNTER)


def times_asked(connection: sa.Connection) -> int:
    """Return how often somebody asked; a change means that somebody did."""
    return current(connection, _COUNTER)
