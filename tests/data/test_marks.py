import pytest

from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.audit.outbox import logged
from roadbed.core.errors import Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import Datasets
from roadbed.data.marks import Said, bad, history, mark, newest_good
from tests.data.conftest import StoppedClock

ONE, TWO = VersionRef("tumors", 1), VersionRef("tumors", 2)
BAD = Said(bad=True, reason="another unit", actor="user:mira")
GOOD = Said(bad=False, reason="it was right", actor="user:mira")


@pytest.fixture
def marked(sqlite_database, blobs):
    datasets = Datasets(sqlite_database, blobs, StoppedClock(), DuckdbTables())
    datasets.snapshot("tumors", {"x": [1]}, "user:mira")
    datasets.snapshot("tumors", {"x": [2]}, "user:mira")
    return sqlite_database


def test_the_last_word_counts_and_every_word_is_kept(marked):
    with marked.write() as connection:
        mark(connection, TWO, BAD, 5)
        assert bad(connection)[TWO].reason == "another unit"
        assert newest_good(connection, "tumors") == ONE
        mark(connection, TWO, GOOD, 5)

        assert bad(connection) == {}
        assert newest_good(connection, "tumors") == TWO
        assert [said.bad for said in history(connection, TWO)] == [True, False]


def test_what_is_said_is_on_the_log(marked):
    with marked.write() as connection:
        made = mark(connection, TWO, BAD, 5)
    with marked.read() as connection:
        entries = logged(connection, lambda c: (c.action == "dataset.mark",))

    assert [(e.resource, e.actor) for e in entries] == [("Dataset/tumors", "user:mira")]
    assert entries[0].detail["digest"] == made.digest


def test_only_a_version_that_exists_is_judged_and_only_with_a_reason(marked):
    with marked.write() as connection:
        with pytest.raises(NotFound):
            mark(connection, VersionRef("tumors", 9), BAD, 5)
        with pytest.raises(Invalid):
            mark(connection, ONE, Said(bad=True, reason=" ", actor="user:mira"), 5)


def test_without_a_good_version_there_is_nothing_to_train_on(marked):
    with marked.write() as connection:
        mark(connection, ONE, BAD, 5)
        mark(connection, TWO, BAD, 6)
        with pytest.raises(NotFound, match="no good version"):
            newest_good(connection, "tumors")
