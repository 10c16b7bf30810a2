"""Each checkpoint is brought to every place, and a place that knows more is heard."""

import subprocess

import pytest
import sqlalchemy as sa

from roadbed.adapters.copies.folder import FolderCopies
from roadbed.adapters.copies.git import GitCopies
from roadbed.audit import tables
from roadbed.audit.deliver import deliver
from roadbed.audit.note import read_verifier
from roadbed.audit.sequencer import sequence
from roadbed.audit.verify import verify_database
from roadbed.core.errors import Corrupt, NotReady
from roadbed.database.tables import revisions

from .conftest import change, fill


class Flaky(FolderCopies):
    """A folder that can be away."""

    away = False

    def put(self, size, note):
        if self.away:
            raise NotReady("away")
        super().put(size, note)

    def notes(self):
        if self.away:
            raise NotReady("away")
        return super().notes()

    def newest(self):
        if self.away:
            raise NotReady("away")
        return super().newest()


@pytest.fixture
def places(tmp_path):
    return [Flaky(tmp_path / "one", "one"), FolderCopies(tmp_path / "two", "two")]


@pytest.fixture
def bring(database, places, signer):
    def run():
        return deliver(database, places, read_verifier(signer.public_key))

    return run


def kept(database):
    with database.read() as connection:
        table = tables.checkpoints
        query = sa.select(table.c.note).order_by(table.c.size)
        return connection.execute(query).scalars().all()


def test_each_checkpoint_comes_to_each_place_once(log, database, places, bring):
    fill(log, entries=6, every=2)
    assert bring() == 6
    assert bring() == 0
    fill(log, entries=2, every=2)

    assert bring() == 2
    assert places[0].notes() == places[1].notes() == kept(database)


def test_a_delivery_reads_one_note_and_no_entry_however_many_there_are(
    log, database, places, bring, monkeypatch
):
    fill(log, entries=600, every=300)
    bring()
    fill(log, entries=2, every=2)
    for place in places:
        monkeypatch.setattr(place, "notes", None)
    with database.write() as connection:
        early = tables.entries.c.seq <= 256
        connection.execute(tables.entries.delete().where(early))

    assert bring() == 2


def test_a_place_that_is_away_gets_all_of_it_later_and_stops_no_other(
    log, database, places, bring
):
    places[0].away = True
    fill(log, entries=6, every=2)
    with pytest.raises(NotReady):
        bring()
    assert places[1].notes() == kept(database)
    places[0].away = False

    assert bring() == 3
    assert places[0].notes() == kept(database)


def test_signing_goes_on_while_a_place_is_away(log, places, bring):
    places[0].away = True
    log.record(change(1))
    assert log.checkpoint().size == 1
    with pytest.raises(NotReady):
        bring()
    log.record(change(2))

    assert log.checkpoint().size == 2


def test_a_place_that_knows_more_than_the_log_is_heard(log, database, bring):
    fill(log, entries=6, every=3)
    bring()
    restore(database, 3)

    with pytest.raises(Corrupt, match="has 3 entries, but the one copy has a check"):
        bring()


def test_a_place_that_knows_another_log_is_heard(log, database, bring):
    fill(log, entries=6, every=3)
    bring()
    restore(database, 3)
    for number in range(5):
        log.record(change(number + 100))
    sequence(database)

    with pytest.raises(Corrupt, match="first 6 audit entries are not those of the"):
        bring()


def restore(database, size):
    """Set the database back to when it had *size* entries."""
    entries, signed = tables.entries.c.seq, tables.checkpoints.c.size
    with database.write() as connection:
        for column in (entries, signed):
            connection.execute(column.table.delete().where(column > size))
        nodes = connection.execute(sa.select(tables.checkpoints.c.nodes)).scalar()
        connection.execute(tables.tree.update().values(size=size, nodes=nodes))
        done = revisions.c.name.startswith("audit.copy.")
        connection.execute(revisions.delete().where(done))


def test_verification_hears_every_place_that_can_be_read(
    log, database, places, signer, copies, bring
):
    fill(log, entries=6, every=3)
    bring()
    restore(database, 3)
    places[0].away = True
    copies.rename(copies.with_name("gone"))
    report = verify_database(database, copies, signer.public_key, places=places)

    assert any("entries 4\N{EN DASH}6 are missing; the" in f for f in report.findings)


def test_a_clone_is_a_place_as_well(log, database, signer, tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path / "clone"], check=True)
    clone = GitCopies(tmp_path / "clone")
    fill(log, entries=4, every=2)
    deliver(database, [clone], read_verifier(signer.public_key))

    assert clone.notes() == kept(database)
