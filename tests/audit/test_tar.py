"""An exported log stands alone, and what is done to it has a name."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit.bundle import Bundle, opened
from roadbed.audit.log import AuditLog
from roadbed.audit.note import read_verifier
from roadbed.audit.proof import EntryProof
from roadbed.audit.sequencer import sequence
from roadbed.audit.signer import Signer
from roadbed.audit.tar import opened_tar, pack, unpack, write_tar
from roadbed.audit.verify import verify
from roadbed.core.errors import Corrupt, Invalid, NotFound, RoadbedError
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata

from . import forge
from .conftest import Ticking, change

SIZE, EARLIER = 700, 300


class Exported:
    """A log of 700 entries in a file, and what an auditor kept of it before."""

    def __init__(self, folder):
        self.folder = folder
        self.database = open_database(f"sqlite:///{folder / 'control.db'}")
        with self.database.write() as connection:
            metadata.create_all(connection)
        self.signer = Signer.load_or_create(folder / "audit.key")
        self.log = AuditLog(self.database, self.signer, Ticking(), folder / "copies")
        self.log.record(*map(change, range(1, EARLIER + 1)))
        self.earlier = self.log.checkpoint().note
        self.log.record(*map(change, range(EARLIER + 1, SIZE + 1)))
        self.log.checkpoint()
        self.path = self.export("log.tar")
        self.files = forge.read(self.path)

    def export(self, name):
        path = self.folder / name
        with (
            opened(self.database, self.folder / "copies") as bundle,
            path.open("wb") as out,
        ):
            write_tar(out, bundle, self.signer.public_key)
        return path

    def verify(self, files, *notes):
        path = forge.write(self.folder / "forged.tar", files)
        with opened_tar(path) as bundle:
            for note in notes:
                bundle = bundle.with_note("given", note)
            return verify(bundle, self.signer.public_key)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return Exported(tmp_path_factory.mktemp("exported"))


def test_an_exported_log_is_verified_without_a_database(exported):
    report = exported.verify(exported.files, exported.earlier)

    assert (report.verified, report.findings) == (True, ())
    assert (report.size, report.covered, report.checkpoints) == (SIZE, SIZE, 2)


def test_the_files_are_those_that_c2sp_names(exported):
    tiles = sorted(name for name in exported.files if name.startswith("tile/"))

    assert tiles == [
        *("tile/0/000", "tile/0/001", f"tile/0/002.p/{SIZE - 512}", "tile/1/000.p/2"),
        *("tile/entries/000", "tile/entries/001", f"tile/entries/002.p/{SIZE - 512}"),
    ]
    assert len(exported.files["tile/0/000"]) == 8192
    assert exported.files["checkpoint"].decode().splitlines()[1] == str(SIZE)
    assert exported.files["key.pub"].decode().strip() == exported.signer.public_key


@pytest.mark.parametrize("seq", [1, 256, 257, 513, SIZE])
def test_an_edited_entry_is_named(exported, seq):
    report = exported.verify(forge.edited_leaf(exported.files, seq))

    assert report.findings == (f"entry {seq} was edited",)


@pytest.mark.parametrize("name", ["tile/0/001", "tile/1/000.p/2"])
def test_an_edited_tile_is_told_from_an_edited_entry(exported, name):
    [finding] = exported.verify(forge.edited_tile(exported.files, name)).findings

    assert finding in (
        "the hash that is kept of entry 512 was edited",
        "tile/1/000.p/2 is not what the entries make",
    )


def test_a_removed_entry_is_named_although_the_rest_moved_up(exported):
    report = exported.verify(forge.removed(exported.files, 400))

    assert report.findings == ("entry 400 is missing",)


def test_swapped_entries_are_named(exported):
    report = exported.verify(forge.swapped(exported.files, 10))

    assert report.findings[0] == "entry 10 is missing"
    assert "entry 10 stands where entry 12 belongs" in report.findings


def test_a_missing_bundle_of_entries_is_named(exported):
    files = {n: d for n, d in exported.files.items() if n != "tile/entries/001"}

    assert exported.verify(files).findings == ("entries 257\N{EN DASH}512 are missing",)


def test_a_missing_tile_is_named(exported):
    files = {n: d for n, d in exported.files.items() if n != "tile/0/000"}

    assert exported.verify(files).findings == ("tile/0/000 is missing",)


def test_a_cut_off_tail_is_named_against_an_earlier_checkpoint(exported):
    """Even if every trace of it in the bundle is gone."""
    files = {
        name: data
        for name, data in exported.files.items()
        if not name.startswith(("tile/0/002", "tile/entries/002", "tile/1", "check"))
    }
    first = exported.files["checkpoints/database/000000001"]
    newest = exported.files["checkpoint"].decode()
    files |= {"checkpoint": first, "checkpoints/copy/000000001": first}
    files["checkpoints/database/000000001"] = first
    [finding, *_] = exported.verify(files, newest).findings

    assert finding.startswith("the log has 512 entries, but a checkpoint of 2026-")
    assert "signed over 700: entries 513\N{EN DASH}700 are missing" in finding


def test_an_edited_checkpoint_is_named(exported):
    report = exported.verify(forge.edited_checkpoint(exported.files))

    assert report.findings == (
        "1 of the checkpoints in the bundle's head is not signed by this log's key",
    )


def test_a_log_that_was_dropped_is_named(exported):
    files = {n: d for n, d in exported.files.items() if not n.startswith("tile/")}
    [finding, *_] = exported.verify(files).findings

    assert finding.startswith("the log was dropped: it has no entries, but a checkp")


def test_another_log_is_not_taken_for_this_one(exported, tmp_path):
    other = Signer.load_or_create(tmp_path / "other.key")
    with opened_tar(exported.path) as bundle:
        report = verify(bundle, f"{exported.signer.public_key}\n{other.public_key}")
        assert report.verified
        with pytest.raises(Invalid, match="no key of the log"):
            verify(bundle, exported.signer.public_key, origin=other.origin)
        both = f"{exported.signer.public_key}\n{other.public_key}"
        assert not verify(bundle, both, origin=other.origin).verified


@settings(max_examples=120)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_flipped_byte_of_a_bundle_changes_an_entry_unseen(exported, place, flip):
    data = bytearray(exported.path.read_bytes())
    data[int(place * len(data))] ^= flip
    path = exported.folder / "flipped.tar"
    path.write_bytes(data)
    try:
        with opened_tar(path) as bundle:
            leaves = [(leaf.seq, leaf.data) for leaf in bundle.leaves]
        with opened_tar(path) as bundle:
            report = verify(bundle, exported.signer.public_key)
    except RoadbedError:
        return
    with opened_tar(exported.path) as bundle:
        original = [(leaf.seq, leaf.data) for leaf in bundle.leaves]

    assert not report.verified or leaves == original


@pytest.mark.parametrize(
    "data", [b"", b"no tar", bytes(range(256)) * 64], ids=["empty", "text", "noise"]
)
def test_a_file_that_is_no_bundle_is_refused(tmp_path, data):
    path = tmp_path / "x.tar"
    with pytest.raises(NotFound), opened_tar(path):
        pass
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="no audit bundle"), opened_tar(path):
        pass


def test_a_bundle_with_two_files_of_one_name_is_refused(exported, tmp_path):
    out = io.BytesIO(exported.path.read_bytes())
    again = forge.write(tmp_path / "again.tar", {"checkpoint": b"other"})
    whole = out.getvalue().rstrip(b"\0")
    padded = whole + bytes(-len(whole) % 512)
    path = tmp_path / "twice.tar"
    path.write_bytes(padded + again.read_bytes())

    with pytest.raises(Corrupt, match="two files called checkpoint"), opened_tar(path):
        pass


def test_entries_that_no_checkpoint_covers_are_exported_too(exported, tmp_path):
    grown = Exported(tmp_path)
    grown.log.record(*map(change, range(90)))
    sequence(grown.database)
    files = forge.read(grown.export("grown.tar"))
    report = grown.verify(files)

    assert report.verified, report.findings
    assert report.remarks == (
        "entries 701\N{EN DASH}790 are newer than the last checkpoint",
    )
    assert {"tile/0/002.p/188", "tile/0/003.p/22", "tile/0/002"} <= files.keys()


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(1, 40))
def test_a_bundle_of_entries_comes_back_or_is_refused(entries, cut):
    data = pack(entries)

    assert unpack(data) == entries
    if entries and cut <= len(entries[-1]):
        with pytest.raises(Corrupt):
            unpack(data[:-cut])


def test_every_entry_has_a_proof_that_stands_alone(exported):
    key = read_verifier(exported.signer.public_key)
    for seq in (1, 2, 255, 256, 257, 512, 513, SIZE):
        proof = EntryProof.read(str(exported.log.prove(seq)))
        assert proof.findings([key]) == []
        assert proof.entry["seq"] == seq
    with pytest.raises(NotFound):
        exported.log.prove(SIZE + 1)


def test_a_forged_proof_is_refused(exported, tmp_path):
    key = read_verifier(exported.signer.public_key)
    text = str(exported.log.prove(77))
    other = Signer.load_or_create(tmp_path / "other.key")
    lines = text.split("\n")
    longer = "\n".join([*lines[:3], lines[3], *lines[3:]])
    moved = text.replace("index 76", "index 75")

    assert EntryProof.read(text).findings([read_verifier(other.public_key)]) == [
        "the checkpoint is not signed by this log's key"
    ]
    assert "under the root" in EntryProof.read(longer).findings([key])[0]
    assert "of the place" in EntryProof.read(moved).findings([key])[1]
    for wrong in ("", text.replace("@v1", "@v2"), lines[0], text.replace("index", "i")):
        with pytest.raises(Invalid):
            EntryProof.read(wrong)


def test_a_bundle_without_anything_is_not_verified(exported):
    report = verify(Bundle(leaves=()), exported.signer.public_key)

    assert report.findings[0] == "no checkpoint vouches for the 0 entries"
