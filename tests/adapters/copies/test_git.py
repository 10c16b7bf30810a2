"""A Git repository keeps what every place for copies keeps."""

import subprocess

import pytest

from roadbed.adapters.copies.git import GitCopies
from roadbed.core.errors import NotReady
from roadbed.testing.copies_contract import ReadableCopiesContract, a_note


def git(*words):
    subprocess.run(["git", *map(str, words)], check=True, capture_output=True)


class TestGit(ReadableCopiesContract):
    @pytest.fixture
    def place(self, tmp_path):
        git("init", "--quiet", tmp_path / "clone")
        return GitCopies(tmp_path / "clone")

    def test_what_is_committed_is_pushed(self, tmp_path, place):
        git("init", "--quiet", "--bare", tmp_path / "remote")
        git("-C", tmp_path / "clone", "remote", "add", "origin", tmp_path / "remote")
        place.put(7, a_note(7))
        git("clone", "--quiet", tmp_path / "remote", tmp_path / "auditor")

        assert GitCopies(tmp_path / "auditor").notes() == [a_note(7)]

    def test_what_lies_in_the_folder_is_not_believed(self, tmp_path, place):
        place.put(7, a_note(7))
        (tmp_path / "clone" / "checkpoints" / f"{7:020d}").write_text("forged")

        assert place.notes() == [a_note(7)]

    def test_a_folder_without_a_repository_says_so(self, tmp_path):
        (tmp_path / "none").mkdir()
        with pytest.raises(NotReady, match="git rev-list failed"):
            GitCopies(tmp_path / "none").put(1, a_note(1))
