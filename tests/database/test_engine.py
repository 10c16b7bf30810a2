"""The database, on both engines."""

import threading

import pytest
import sqlalchemy as sa

from roadbed.core.errors import Invalid
from roadbed.database.engine import open_database
from roadbed.database.tables import bump, current, revisions
from roadbed.database.upsert import insert_new


def test_a_failed_write_leaves_no_trace(database):
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        bump(connection, "x")
        _ = 1 / 0

    with database.read() as connection:
        assert current(connection, "x") == 0


def test_nothing_written_while_reading_is_kept(database):
    with database.read() as connection:
        connection.execute(revisions.insert().values(name="x", value=1))

    with database.read() as connection:
        assert current(connection, "x") == 0


def test_a_row_is_new_once_and_then_stays_as_it_is(database):
    with database.write() as connection:
        assert insert_new(connection, revisions, {"name": "x", "value": 1})
        assert not insert_new(connection, revisions, {"name": "x", "value": 2})

    with database.read() as connection:
        assert current(connection, "x") == 1


def test_many_writers_lose_no_count(database):
    def count():
        for _ in range(50):
            with database.write() as connection:
                bump(connection, "x")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as connection:
        assert current(connection, "x") == 200


def test_two_openings_of_one_file_see_each_other(sqlite_database):
    other = open_database(str(sqlite_database.engine.url))
    with sqlite_database.write() as connection:
        bump(connection, "x")

    with other.read() as connection:
        assert current(connection, "x") == 1
    other.close()


def test_sqlite_is_durable_and_checkpoints_only_under_the_lock(sqlite_database):
    with sqlite_database.read() as connection:
        values = [
            connection.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "wal_autocheckpoint")
        ]

    assert values == ["wal", 2, 0]


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_a_hint(url):
    with pytest.raises(Invalid) as refusal:
        open_database(url)

    assert "sqlite:///" in refusal.value.hint
