"""Another implementation, Go's sumdb, says of each log what we say of it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from roadbed.audit import tables
from roadbed.audit.bundle import opened
from roadbed.audit.log import AuditLog
from roadbed.audit.note import read_verifier
from roadbed.audit.outbox import append
from roadbed.audit.proof import EntryProof
from roadbed.audit.sequencer import sequence
from roadbed.audit.signer import Signer
from roadbed.audit.tar import opened_tar, write_tar
from roadbed.audit.verify import verify
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata

from . import forge
from .conftest import Ticking, change

SIZE = 100_000
SMALL, EARLIER, FORK = 3_000, 2_100, 1_500
SOURCES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
TAMPERED = {
    "an edited entry": lambda f: forge.edited_leaf(f, 1_234),
    "swapped entries": lambda f: forge.swapped(f, 1_234),
    "a removed entry": lambda f: forge.removed(f, 1_234),
    "an edited tile": lambda f: forge.edited_tile(f, "tile/1/000.p/11"),
    "an edited tile of entries' hashes": lambda f: forge.edited_tile(f, "tile/0/007"),
    "an edited checkpoint": forge.edited_checkpoint,
}

pytestmark = pytest.mark.skipif(
    not shutil.which("go") or not SOURCES.exists(),
    reason="Go and its module golang.org/x/mod are not installed",
)


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Return a function that gives the verdict of the Go program, and its reason."""
    program = tmp_path_factory.mktemp("go") / "verify"
    offline = {"GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": ""}
    build = ["go", "build", "-o", str(program), "./tests/audit/go"]
    environment = os.environ | offline | {"GOCACHE": str(program.parent / "cache")}
    subprocess.run(build, env=environment, check=True)

    def run(path, key, *earlier):
        command = [program, path, key, *earlier]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stdout.strip()

    return run


class Line:
    """A log, and what can be done with it."""

    def __init__(self, folder):
        self.folder = folder
        self.database = open_database(f"sqlite:///{folder / 'control.db'}")
        with self.database.write() as connection:
            metadata.create_all(connection)
        self.signer = Signer.load_or_create(folder / "audit.key")
        self.key = folder / "audit.key.pub"
        self.log = self.log_with(folder / "copies")

    def log_with(self, copies):
        return AuditLog(self.database, self.signer, Ticking(), copies)

    def grow(self, first, last):
        for start in range(first, last, 10_000):
            with self.database.write() as connection:
                many = (change(n) for n in range(start, min(start + 10_000, last)))
                append(connection, start, *many)
        sequence(self.database)

    def export(self, name, copies):
        path = self.folder / name
        with opened(self.database, copies) as bundle, path.open("wb") as out:
            write_tar(out, bundle, self.signer.public_key)
        return path

    def verify(self, path, *notes):
        with opened_tar(path) as bundle:
            for note in notes:
                bundle = bundle.with_note("given", note.read_text())
            return verify(bundle, self.signer.public_key)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A log of 3,000 entries, exported, with a backup from before it was that long."""
    line = Line(tmp_path_factory.mktemp("line"))
    line.grow(0, FORK)
    line.log.checkpoint()
    line.grow(FORK, EARLIER)
    line.log.checkpoint()
    line.backup = line.export("backup.tar", line.folder / "nowhere")
    line.grow(EARLIER, SMALL)
    line.newest = line.folder / "newest.txt"
    line.newest.write_text(line.log.checkpoint().note)
    line.path = line.export("log.tar", line.folder / "copies")
    line.files = forge.read(line.path)
    return line


def test_both_agree_on_a_log_of_100_000_entries(go, tmp_path):
    large = Line(tmp_path)
    large.grow(0, SIZE)
    large.log.checkpoint()
    path = large.export("log.tar", tmp_path / "copies")
    report = large.verify(path)
    files = forge.edited_leaf(forge.read(path), 71_234)
    edited = forge.write(tmp_path / "edited.tar", files)

    assert (report.verified, report.size, report.covered) == (True, SIZE, SIZE)
    assert go(path, large.key) == (True, "verified")
    assert large.verify(edited).findings == ("entry 71234 was edited",)
    assert not go(edited, large.key)[0]


def test_both_verify_an_untouched_log(go, line):
    assert line.verify(line.path, line.newest).verified
    assert go(line.path, line.key, line.newest) == (True, "verified")


@pytest.mark.parametrize("what", TAMPERED)
def test_both_refuse_what_was_tampered_with(go, line, what):
    files = TAMPERED[what](line.files)
    path = forge.write(line.folder / "tampered.tar", files)
    accepted, reason = go(path, line.key)

    assert files != line.files
    assert not line.verify(path).verified
    assert not accepted
    assert reason.startswith("NOT VERIFIED: ")


def test_both_refuse_an_old_backup_against_a_newer_checkpoint(go, line):
    report = line.verify(line.backup, line.newest)

    assert line.verify(line.backup).findings == (
        "2 of 2 checkpoints are missing in the copy outside the database, such as "
        f"that over {FORK} entries: it was removed, cut or damaged",
    )
    assert any("an old backup was restored" in found for found in report.findings)
    accepted, reason = go(line.backup, line.key, line.newest)
    assert not accepted
    assert "was signed over 3000 entries, the log has 2100" in reason


def test_both_refuse_a_fork(go, line):
    """Somebody with the key cut the log off and let it grow into another one."""
    with line.database.write() as connection:
        for table, column in (
            (tables.entries, tables.entries.c.seq),
            (tables.checkpoints, tables.checkpoints.c.size),
        ):
            connection.execute(table.delete().where(column > FORK))
        kept = connection.execute(sa.select(tables.checkpoints)).one()
        connection.execute(tables.tree.update().values(size=FORK, nodes=kept.nodes))
        connection.execute(tables.tiles.delete())
    line.grow(SMALL, 2 * SMALL - FORK)
    copies = line.folder / "forged copies"
    line.log_with(copies).checkpoint()
    forked = line.export("forked.tar", copies)
    accepted, reason = go(forked, line.key, line.newest)

    assert go(forked, line.key)[0]
    assert not accepted
    assert "the log did not grow out of" in reason
    report = line.verify(forked, line.newest)
    assert any(found.startswith("the log was forked") for found in report.findings)


def test_both_believe_the_proof_of_one_entry_and_no_other(go, line, tmp_path):
    file = tmp_path / "one.tlog-proof"
    key = read_verifier(line.signer.public_key)
    for seq in (1, 256, 1_234, 1_500):
        proof = line.log_with(line.folder / "forged copies").prove(seq)
        file.write_text(str(proof), "utf-8")
        assert proof.findings([key]) == []
        assert go(file, line.key) == (True, "verified")
    forged = str(proof).replace(f"index {seq - 1}", f"index {seq - 2}")
    file.write_text(forged, "utf-8")

    assert EntryProof.read(forged).findings([key])
    assert not go(file, line.key)[0]
