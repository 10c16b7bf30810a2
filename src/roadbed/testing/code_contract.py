"""The suite that every adapter of `ports.code` passes."""

from pathlib import Path
from typing import Protocol

import pytest

from roadbed.core.errors import Corrupt
from roadbed.ports.code import Code, Tree


class Make(Protocol):
    """Makes a commit that holds these files, and its bundle."""

    def __call__(self, files: dict[str, str]) -> Tree:
        """Return the commit as a tree without a patch."""
        ...


class CodeContract:
    """Inherit, and define the fixtures `code` and `make`."""

    def test_a_commit_comes_back_as_it_was(
        self, code: Code, make: Make, tmp_path: Path
    ) -> None:
        """Every file of the commit, and the further ones."""
        tree = make({"train.py": "C = 1\n", "lib/steps.py": "N = 2\n"})
        further = Tree(commit=tree.commit, bundle=tree.bundle, files={"new.py": b"3"})
        code.checkout(further, tmp_path / "out")

        assert (tmp_path / "out/train.py").read_text() == "C = 1\n"
        assert (tmp_path / "out/lib/steps.py").read_text() == "N = 2\n"
        assert (tmp_path / "out/new.py").read_bytes() == b"3"

    def test_what_differs_is_told_line_by_line(self, code: Code, make: Make) -> None:
        """Two commits, and a commit with itself."""
        left, right = make({"train.py": "C = 1\n"}), make({"train.py": "C = 2\n"})
        told = code.diff(left, right)

        assert "-C = 1" in told
        assert "+C = 2" in told
        assert code.diff(left, left) == ""

    def test_a_patch_counts(self, code: Code, make: Make, tmp_path: Path) -> None:
        """What was changed after the commit is part of the code."""
        clean = make({"train.py": "C = 1\n"})
        patch = (
            b"diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n"
            b"@@ -1 +1 @@\n-C = 1\n+C = 5\n"
        )
        dirty = Tree(commit=clean.commit, bundle=clean.bundle, patch=patch)
        code.checkout(dirty, tmp_path / "out")

        assert (tmp_path / "out/train.py").read_text() == "C = 5\n"
        assert "+C = 5" in code.diff(clean, dirty)

    def test_what_is_no_bundle_is_corrupt(
        self, code: Code, make: Make, tmp_path: Path
    ) -> None:
        """Bytes that were edited never become code."""
        tree = make({"train.py": "C = 1\n"})
        broken = tmp_path / "broken"
        broken.write_bytes(tree.bundle.read_bytes()[:-40])
        edited = Tree(commit=tree.commit, bundle=broken)
        with pytest.raises(Corrupt):
            code.diff(edited, tree)

    def test_no_file_lands_outside(
        self, code: Code, make: Make, tmp_path: Path
    ) -> None:
        """A path that leaves the folder is refused."""
        tree = make({"train.py": "C = 1\n"})
        walk = Tree(commit=tree.commit, bundle=tree.bundle, files={"../evil": b"x"})
        with pytest.raises(Corrupt):
            code.checkout(walk, tmp_path / "out")

        assert not (tmp_path / "evil").exists()
