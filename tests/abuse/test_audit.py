"""The audit log under attack: rewritten, killed in between, and away."""

import shutil
import sqlite3

import pytest
import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.bundle import opened
from roadbed.audit.log import AuditLog, AuditQuery
from roadbed.audit.signer import Signer
from roadbed.audit.tar import opened_tar, write_tar
from roadbed.audit.verify import verify
from roadbed.core.errors import Corrupt, NotReady
from roadbed.database.engine import open_database
from roadbed.database.tables import bump, current, metadata
from roadbed.identity.keys import create_key, list_keys
from tests.audit.conftest import Ticking, change
from tests.conftest import import_tables
from tests.durability.test_sequencer import rampage

SIZE, EARLIER = 600, 400


class Line:
    """A log of 600 entries, and what an auditor and a backup kept of it at 400."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "control.db"
        self.signer = Signer.load_or_create(folder / "audit.key")
        self.copies = folder / "copies"
        self.open()
        with self.database.write() as connection:
            metadata.create_all(connection)
        self.grow(1, EARLIER)
        self.kept = self.log.checkpoint().note
        self.database.close()
        shutil.copy(self.file, folder / "backup.db")
        self.open()
        self.grow(EARLIER + 1, SIZE)
        self.newest = self.log.checkpoint().note

    def open(self):
        self.database = open_database(f"sqlite:///{self.file}")
        self.log = AuditLog(self.database, self.signer, Ticking(), self.copies)

    def grow(self, first, last):
        self.log.record(*(change(n) for n in range(first, last + 1)))

    def forge(self, *statements):
        self.database.close()
        connection = sqlite3.connect(self.file)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    def verify(self, note):
        """Export as it stands, and verify the file as an auditor who kept *note*."""
        path = self.folder / "log.tar"
        with opened(self.database, self.copies) as bundle, path.open("wb") as out:
            write_tar(out, bundle, self.signer.public_key)
        with opened_tar(path) as bundle:
            return verify(bundle.with_note("given", note), self.signer.public_key)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    import_tables()
    return Line(tmp_path_factory.mktemp("original"))


@pytest.fixture
def line(original, tmp_path):
    """A copy of the line, to be attacked together with its own copies."""
    original.database.close()
    folder = tmp_path / "line"
    shutil.copytree(original.folder, folder)
    copied = object.__new__(Line)
    copied.__dict__ |= original.__dict__ | {
        "folder": folder,
        "file": folder / "control.db",
        "copies": folder / "copies",
    }
    copied.open()
    return copied


WHOLE_END = (
    "DELETE FROM audit_entries WHERE seq > 400",
    "DELETE FROM audit_checkpoints WHERE size > 400",
    "DELETE FROM audit_tiles WHERE level > 0 OR number > 0",
    "UPDATE audit_tree SET size = 400, "
    "nodes = (SELECT nodes FROM audit_checkpoints WHERE size = 400)",
)
DROPPED = tuple(
    f"DELETE FROM audit_{name}" for name in ("entries", "checkpoints", "tiles", "tree")
)


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (
            ("DELETE FROM audit_entries WHERE seq > 590",),
            "entries 591\N{EN DASH}600 are",
        ),
        (("DELETE FROM audit_entries WHERE seq = 300",), "entry 300 is missing"),
        (
            ("UPDATE audit_entries SET actor = actor || '.' WHERE seq = 300",),
            "entry 300 was edited",
        ),
        (
            WHOLE_END,
            "entries 401\N{EN DASH}600 are missing; the database knows nothing",
        ),
        (DROPPED, "the log was dropped: it has no entries, but a checkpoint of"),
    ],
    ids=["newest rows", "a middle row", "one byte", "the end and its traces", "all"],
)
def test_what_was_done_to_the_rows_is_named_with_its_range(line, statements, named):
    """Case 40: deleted newest or middle rows, one byte, or the whole log."""
    assert line.verify(line.newest).verified
    line.forge(*statements)
    shutil.rmtree(line.copies)
    report = line.verify(line.newest)

    assert not report.verified
    assert any(named in finding for finding in report.findings), report.findings


def test_a_restored_backup_is_named(line):
    """Case 40: the database is set back; the copies, or an auditor, know more."""
    line.database.close()
    shutil.copy(line.folder / "backup.db", line.file)
    for suffix in ("-wal", "-shm"):
        (line.folder / f"control.db{suffix}").unlink(missing_ok=True)
    line.open()
    report = line.verify(line.kept)
    shutil.rmtree(line.copies)
    alone = line.verify(line.newest)

    for findings in (report.findings, alone.findings):
        assert any("an old backup was restored" in found for found in findings)
        assert any("entries 401\N{EN DASH}600 are missing" in f for f in findings)


def test_a_fork_is_named_and_never_signed_beside_its_witness(line):
    """Case 40: the log is set back and grows again, differently."""
    line.forge(*WHOLE_END)
    line.open()
    line.grow(1000, 1300)
    with pytest.raises(Corrupt, match="are not those that were signed"):
        line.log.checkpoint()
    shutil.rmtree(line.copies)
    line.log.checkpoint()
    report = line.verify(line.newest)

    assert any("the log was forked: the check" in f for f in report.findings)


def test_a_kill_between_the_change_and_its_entry_leaves_neither_or_both(database):
    """Case 41: writers and sequencers are killed with -9 at random moments."""
    rampage(database, 41)
    log = AuditLog(database, None, Ticking(), None)
    found = log.search(AuditQuery(limit=1_000_000))
    with database.read() as connection:
        things = current(connection, "things")

    assert len(found) == things > 0
    assert [entry.seq for entry in found] == list(range(things, 0, -1))


def test_no_privileged_change_without_its_entry(database):
    """Case 42: the audit store is down, so a privileged write is refused and undone."""
    with database.write() as connection:
        connection.execute(sa.text("ALTER TABLE audit_outbox RENAME TO audit_away"))
    for _ in range(2):
        with pytest.raises(sa.exc.DBAPIError), database.write() as connection:
            bump(connection, "things")
            create_key(connection, "claims", now_us=1, created_by="user:ada")
    with database.read() as connection:
        assert list_keys(connection) == []
        assert current(connection, "things") == 0
    with database.write() as connection:
        connection.execute(sa.text("ALTER TABLE audit_away RENAME TO audit_outbox"))
        create_key(connection, "claims", now_us=1, created_by="user:ada")
    with database.read() as connection:
        assert len(list_keys(connection)) == 1
        assert connection.execute(
            sa.select(tables.outbox.c.action)
        ).scalars().all() == ["key.create"]


def test_without_a_place_for_copies_nothing_is_signed_and_nothing_is_lost(line):
    """Case 42: checkpoints cannot be copied out; entries go on and wait for it."""
    moved = line.folder / "moved"
    line.copies.rename(moved)
    line.copies.write_text("in the way")
    line.grow(601, 610)
    with pytest.raises(NotReady, match="cannot be copied"):
        line.log.checkpoint()
    line.copies.unlink()
    moved.rename(line.copies)

    assert line.log.checkpoint().size == 610
    assert line.verify(line.newest).verified
