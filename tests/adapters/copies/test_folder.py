"""A folder keeps what every place for copies keeps."""

import pytest

from roadbed.adapters.copies.folder import FolderCopies
from roadbed.core.errors import NotReady
from roadbed.testing.copies_contract import ReadableCopiesContract, a_note


class TestFolder(ReadableCopiesContract):
    @pytest.fixture
    def place(self, tmp_path):
        return FolderCopies(tmp_path / "copies")

    def test_a_folder_that_cannot_be_made_says_so(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(NotReady, match="cannot be copied to"):
            FolderCopies(tmp_path / "file" / "copies").put(1, a_note(1))
