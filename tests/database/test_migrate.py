"""Migrations lead to exactly the schema that the rooms declare."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from roadbed.core.errors import Conflict
from roadbed.database.engine import open_database
from roadbed.database.migrate import migrate, revisions
from roadbed.database.tables import metadata
from tests.conftest import import_tables

MIGRATIONS = Path("src/roadbed/database/migrations")


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request, tmp_path):
    """A database without any table."""
    import_tables()
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        opened = open_database(request.getfixturevalue("postgres_url"))
        with opened.write() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
    yield opened
    opened.close()


def test_migrations_and_tables_agree(empty):
    migrate(empty)

    with empty.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_changes_nothing(empty):
    migrate(empty)
    migrate(empty)

    with empty.read() as connection:
        tables = set(sa.inspect(connection).get_table_names())
    assert tables == set(metadata.tables) | {"alembic_version"}


def test_a_database_of_a_later_version_is_refused(empty):
    migrate(empty)
    with empty.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Conflict, match="newer than this Roadbed"):
        migrate(empty)


def test_tables_of_others_are_left_alone(empty):
    with empty.write() as connection:
        connection.execute(sa.text("CREATE TABLE theirs (x INTEGER)"))
        connection.execute(sa.text("INSERT INTO theirs VALUES (1)"))
    migrate(empty)

    with empty.read() as connection:
        assert connection.execute(sa.text("SELECT x FROM theirs")).scalar() == 1


def test_the_files_of_the_migrations_are_their_revisions():
    known = ScriptDirectory(str(MIGRATIONS)).walk_revisions()

    assert revisions() == [script.revision for script in known][::-1]


def test_a_database_of_this_version_is_opened_without_alembic(tmp_path):
    """It is 15 MB that a server would never use again."""
    url = f"sqlite:///{tmp_path / 'made.db'}"
    migrate(open_database(url))
    code = (
        "import sys\n"
        "from roadbed.database.engine import open_database\n"
        "from roadbed.database.migrate import migrate\n"
        "migrate(open_database(sys.argv[1]))\n"
        "assert not {'alembic', 'mako', 'pygments'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True)
