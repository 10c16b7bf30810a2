"""Whose turn it is to give out the next number."""

import sqlalchemy as sa

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def take_turn(connection: sa.Connection, name: str) -> None:
    """Wait until no other transaction numbers versions of *name*.

    The turn ends with the caller's transaction. On SQLite there is one writer
    at a time, so there is nothing to wait for.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"name": name})
