import os
import threading
import time

import pytest

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.testing.blobs_contract import BlobsContract


def files(root):
    return sorted(p for p in root.rglob("*") if p.is_file())


@pytest.fixture
def blobs(tmp_path):
    return LocalBlobs(tmp_path / "blobs")


class TestLocalBlobs(BlobsContract):
    @pytest.fixture
    def damage(self, tmp_path):
        def change(digest):
            name = digest.removeprefix("sha256:")
            file = tmp_path / "blobs" / "sha256" / name[:2] / name[2:]
            data = file.read_bytes()
            file.chmod(0o644)
            file.write_bytes(bytes([data[0] ^ 1]) + data[1:])

        return change


def test_opening_a_store_touches_nothing(tmp_path):
    LocalBlobs(tmp_path / "blobs")

    assert not (tmp_path / "blobs").exists()


def test_a_broken_upload_leaves_no_file_at_all(blobs, tmp_path):
    with pytest.raises(TypeError):
        blobs.put([b"half", "not bytes"])

    assert files(tmp_path) == []


def test_the_same_bytes_take_room_once(blobs, tmp_path):
    for _ in range(3):
        blobs.put([b"same"])

    assert len(files(tmp_path)) == 1


def test_blobs_are_read_only_files_named_by_digest(blobs, tmp_path):
    name = blobs.put([b"x"]).removeprefix("sha256:")
    (file,) = files(tmp_path)

    assert file == tmp_path / "blobs" / "sha256" / name[:2] / name[2:]
    assert file.stat().st_mode & 0o222 == 0


def test_what_a_killed_process_left_is_swept_a_day_later(tmp_path):
    drafts = tmp_path / "blobs" / "drafts"
    drafts.mkdir(parents=True)
    old, new = drafts / "old", drafts / "new"
    for draft in (old, new):
        draft.write_bytes(b"half")
    os.utime(old, (0, time.time() - 90_000))
    LocalBlobs(tmp_path / "blobs").put([b"x"])

    assert (old.exists(), new.exists()) == (False, True)


def test_writers_of_the_same_bytes_do_not_disturb_each_other(blobs):
    names = []
    data = [b"y" * 100_000] * 5
    threads = [
        threading.Thread(target=lambda: names.append(blobs.put(data))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(names) == 8
    assert b"".join(blobs.get(names[0])) == b"".join(data)
