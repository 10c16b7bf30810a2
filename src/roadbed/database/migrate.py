"""Bring a database to the schema of this version of Roadbed."""

from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

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
        config = _config(connection)
        have = MigrationContext.configure(connection).get_current_revision()
        known = {
            s.revision for s in ScriptDirectory.from_config(config).walk_revisions()
        }
        if have is not None and have not in known:
            raise Conflict(
                f"the database is at schema {have}, newer than this Roadbed",
                hint="run the version that wrote it, or a later one",
            )
        command.upgrade(config, "head")


def _config(connection: sa.Connection) -> Config:
    config = Config()
    location = resources.files("roadbed.database") / "migrations"
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
