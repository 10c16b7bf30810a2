"""Folders of files are versions: small files share packs, and every byte is checked."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.control.custody import held
from roadbed.core.errors import Corrupt, Invalid
from roadbed.core.reference import VersionRef
from roadbed.data import packs
from roadbed.data.datasets import Datasets
from roadbed.data.diff import diff
from roadbed.data.tree import Tree, walk
from tests.data.conftest import StoppedClock
from tests.data.test_datasets import damage, file_of

BIG = b"0123456789" * 150_000


@pytest.fixture
def made(sqlite_database, blobs):
    return Datasets(sqlite_database, blobs, StoppedClock(), DuckdbTables(40))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    (root / "cats").mkdir(parents=True)
    for n in range(200):
        (root / "cats" / f"{n:03}.txt").write_text(f"cat {n}" * 20)
    (root / "big.bin").write_bytes(BIG)
    (root / "empty").write_bytes(b"")
    return root


def objects(tmp_path):
    return [p for p in (tmp_path / "blobs" / "sha256").rglob("*") if p.is_file()]


def test_many_small_files_are_few_objects_and_come_back(made, folder, tmp_path):
    version = made.snapshot("images", Tree(folder), "me")
    written = version.export(tmp_path / "out")

    assert (version.rows, version.tree, version.key) == (202, True, ("path",))
    assert len(version.stored["objects"]) == 2
    assert len(objects(tmp_path)) < 25
    assert len(written) == 202
    assert (tmp_path / "out" / "big.bin").read_bytes() == BIG
    same = ["diff", "-r", folder, tmp_path / "out"]
    subprocess.run(same, check=True, stdout=subprocess.PIPE)
    assert made.verify(VersionRef("images", 1)) == version


def test_a_changed_file_adds_a_pack_with_nothing_else_in_it(made, folder, tmp_path):
    first = made.snapshot("images", Tree(folder), "me")
    (folder / "cats" / "007.txt").write_text("a dog")
    (folder / "cats" / "008.txt").unlink()
    second = made.snapshot("images", Tree(folder), "me")
    (new,) = set(second.stored["objects"]) - set(first.stored["objects"])
    found = diff(made, first, second)

    assert file_of(tmp_path, new).read_bytes() == b"a dog"
    assert (found.rows.changed, found.rows.removed, found.rows.same) == (1, 1, 200)
    with made._database.read() as connection:
        assert new in {item.digest for item in held(connection)}


@pytest.mark.parametrize("what", ["pack", "large file", "listing", "index", "manifest"])
def test_one_flipped_byte_is_named_and_not_read(made, folder, tmp_path, what):
    version = made.snapshot("images", Tree(folder), "me")
    sizes = {file_of(tmp_path, d).stat().st_size: d for d in version.stored["objects"]}
    target = {
        "pack": sizes[min(sizes)],
        "large file": sizes[max(sizes)],
        "listing": version.objects[0].digest,
        "index": version.stored["places"][0],
        "manifest": version.digest,
    }[what]
    damage(file_of(tmp_path, target))

    with pytest.raises(Corrupt) as caught:
        made.verify(VersionRef("images", 1))
    assert target in caught.value.message
    if what == "pack":
        assert "the pack of 201 files, such as 'cats/000.txt'" in caught.value.message
    if what != "manifest":
        with pytest.raises(Corrupt):
            version.export(tmp_path / "out")


def test_a_damaged_pack_is_no_ground_for_the_next_version(made, folder, tmp_path):
    first = made.snapshot("images", Tree(folder), "me")
    for name in first.stored["objects"]:
        damage(file_of(tmp_path, name))
    (folder / "new.txt").write_text("new")
    made.snapshot("images", Tree(folder), "me")

    assert made.verify(VersionRef("images", 2)).rows == 203


names = st.text(alphabet="abcé", min_size=1, max_size=3)


@given(
    contents=st.dictionaries(names, st.binary(max_size=9), min_size=1, max_size=8),
    shuffled=st.randoms(use_true_random=False),
)
@settings(max_examples=4, suppress_health_check=list(HealthCheck))
def test_the_same_files_are_the_same_version_in_whatever_order_they_were_made(
    made, tmp_path, contents, shuffled
):
    digests = set()
    for name in ("one", "two"):
        root = tmp_path / "trees" / name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        order = list(contents.items())
        shuffled.shuffle(order)
        for path, data in order:
            (root / path).write_bytes(data)
        digests.add(made.snapshot(name, Tree(root), "me").digest)

    assert len(digests) == 1
    assert [f.path for f in walk(root)] == sorted(contents)


def odd(root):
    yield lambda: (root / "link").symlink_to("/etc/passwd")
    yield lambda: (root / "up").symlink_to("..")
    yield lambda: os.mkfifo(root / "pipe")
    yield lambda: (root / "a\nb").write_text("x")
    yield lambda: (root / "a\\b").write_text("x")
    yield lambda: (root / " a").write_text("x")
    yield lambda: (root / "BIG.bin").write_text("x")
    yield lambda: (root / os.fsdecode(b"\xff")).write_text("x")


@pytest.mark.parametrize("at", range(8))
def test_what_is_no_plain_file_with_a_plain_name_is_refused(made, folder, tmp_path, at):
    list(odd(folder))[at]()

    with pytest.raises(Invalid) as caught:
        made.snapshot("images", Tree(folder), "me")
    assert str(tmp_path) not in caught.value.message
    assert made.list("images") == []
    assert not (tmp_path / "blobs").exists()


@pytest.mark.parametrize("what", ["empty", "file", "link", "missing"])
def test_a_tree_is_a_folder_with_files(made, tmp_path, what):
    root = tmp_path / what
    if what == "empty":
        root.mkdir()
    if what == "file":
        root.write_text("x")
    if what == "link":
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "a").write_text("x")
        root.symlink_to(tmp_path / "real")

    with pytest.raises(Invalid):
        made.snapshot("images", Tree(root), "me")


def test_a_file_that_changes_while_it_is_kept_is_noticed(blobs, tmp_path):
    (tmp_path / "a").write_text("before")
    files = walk_one(tmp_path / "a")
    (tmp_path / "a").write_text("after!")

    with pytest.raises(Invalid, match="'a' changed while it was read"):
        packs.Packer(blobs).keep(tmp_path, files, lambda step: None)


def walk_one(file):
    return [f for f in walk(file.parent) if f.path == file.name]


CHILD = """
import sys
from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.core.clock import SystemClock
from roadbed.data.datasets import Datasets
from roadbed.data.sources import Wish
from roadbed.database.engine import open_database
from pathlib import Path
blobs = LocalBlobs(Path(sys.argv[2]))
put = blobs.put
def slow(chunks):
    def until_killed():
        for chunk in chunks:
            yield chunk
        print("under way", flush=True)
        sys.stdin.read()
    return put(until_killed())
blobs.put = slow
made = Datasets(open_database(sys.argv[1]), blobs, SystemClock(), DuckdbTables(40))
made.snapshot("numbers", {"a": list(range(1000))}, "me")
"""


def test_kill_9_while_an_object_is_kept_leaves_no_version_and_no_part_of_it(
    made, sqlite_database, tmp_path
):
    url = str(sqlite_database.engine.url)
    words = [sys.executable, "-c", CHILD, url, str(tmp_path / "blobs")]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"under way\n"
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=60)
    child.stdin.close()
    child.stdout.close()

    assert made.list("numbers") == []
    assert objects(tmp_path) == []
    version = made.snapshot("numbers", {"a": list(range(1000))}, "me")
    assert made.verify(VersionRef("numbers", 1)) == version
