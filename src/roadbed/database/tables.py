"""What the tables of all rooms share: one metadata, and types for both engines."""

import json
from typing import Any

import sqlalchemy as sa

from roadbed.core.digest import canonical
from roadbed.core.errors import Corrupt

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value kept as canonical text, so that its digest can be made again."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """Write *value* in its one canonical spelling."""
        return None if value is None else canonical(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        """Read it back."""
        if value is None:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise Corrupt(
                "a row of the database holds no JSON where some was written",
                hint="restore the database from a backup",
            ) from None


def moment(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[int]:
    """Return a column for a time: UTC microseconds since 1970, as BIGINT."""
    return sa.Column(name, sa.BigInteger, nullable=nullable, index=index)


revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
"""Counters that say that something changed; `serving` is what replicas watch."""


_COUNT_UP = sa.text(
    "INSERT INTO revisions (name, value) VALUES (:name, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = revisions.value + 1 RETURNING value"
)


def bump(connection: sa.Connection, name: str) -> int:
    """Count *name* up within the caller's transaction and return its new value."""
    return connection.execute(_COUNT_UP, {"name": name}).scalar_one()


def current(connection: sa.Connection, name: str) -> int:
    """Return the value of the counter *name*, 0 if it never counted."""
    query = sa.select(revisions.c.value).where(revisions.c.name == name)
    return connection.execute(query).scalar() or 0
