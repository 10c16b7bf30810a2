"""Bring a database to the schema of this version of Roadbed.

Alembic is loaded when there is something to migrate: a server that starts on a
database of its own version does without it, and without its memory.
"""

from importlib import resources
from typing import Any

import sqlalchemy as sa

from roadbed.core.errors import Conflict
from roadbed.database.engine import Database

_ADVISORY_LOCK = 7_023_114_250


def migrate(database: Database) -> None:
    """Apply the missing migrations, one process at a time; raise Conflict if newer."""
    with database.write() as connection:
        if database.dialect == "postgresql":
            connection.execute(
                sa.text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            )
        have, known = revision_of(connection), revisions()
        if have is not None and have not in known:
            raise Conflict(
                f"the database is at schema {have}, newer than this Roadbed",
                hint="run the version that wrote it, or a later one",
            )
        if have != known[-1]:
            _upgrade(connection)


def revisions() -> list[str]:
    """Return the schemas that this version knows, oldest first.

    A migration's file is called `NUMBER_what_it_does.py`.
    """
    files = (resources.files("roadbed.database") / "migrations" / "versions").iterdir()
    names = (file.name for file in files)
    return sorted(name.partition("_")[0] for name in names if name[0].isdigit())


def revision_of(connection: sa.Connection) -> str | None:
    """Return the schema that a database is at, None if it has none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
    return found.scalar_one_or_none()


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    command.upgrade(_config(connection), "head")


def _config(connection: sa.Connection) -> Any:
    from alembic.config import Config

    config = Config()
    location = resources.files("roadbed.database") / "migrations"
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
