"""Commits out of Git bundles, in a repository made for the moment."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadbed.core.errors import Corrupt, NotReady
from roadbed.ports.code import Tree

_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"),
    *("-c", "protocol.allow=never", "-c", "protocol.file.allow=always"),
    *("-c", "core.autocrlf=false", "-c", "core.symlinks=false"),
    *("-c", "advice.detachedHead=false", "-c", "transfer.fsckObjects=true"),
)
_PATIENCE_S = 120


class GitCode:
    """Reads commits out of bundles. No hook, filter or helper of theirs is run."""

    def checkout(self, tree: Tree, folder: Path) -> None:
        """Write *tree* into *folder*; see the port."""
        _Repository(folder / ".git", folder).write(tree)
        for name, data in tree.files.items():
            file = folder / name
            if not file.resolve().is_relative_to(folder.resolve()):
                raise Corrupt(f"{name!r} is no path below the repository")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def diff(self, left: Tree, right: Tree) -> str:
        """Return what turns *left* into *right*; see the port."""
        with _temporary() as repository:
            names = [repository.tree(tree) for tree in (left, right)]
            words = ("diff", "--no-color", "--no-ext-diff", "--no-textconv")
            return repository.git(*words, "--find-renames", *names).decode(
                "utf-8", "replace"
            )


class _Repository:
    """A repository that holds nothing but what bundles bring."""

    def __init__(self, place: Path, folder: Path) -> None:
        self._place = place
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--template=", str(folder))

    def tree(self, tree: Tree) -> str:
        """Return the name of the tree that *tree* is, patch and all."""
        self._fetch(tree)
        self.git("read-tree", tree.commit)
        if tree.patch:
            self.git("apply", "--cached", "--binary", "-", given=tree.patch)
        return self.git("write-tree").decode().strip()

    def write(self, tree: Tree) -> None:
        """Check the commit out, and change the files as the patch says."""
        self._fetch(tree)
        self.git("checkout", "--quiet", "--detach", tree.commit)
        if tree.patch:
            self.git("apply", "--binary", "-", given=tree.patch)

    def _fetch(self, tree: Tree) -> None:
        self.git("fetch", "--quiet", "--no-tags", str(tree.bundle), "HEAD")

    def git(self, *words: str, given: bytes = b"") -> bytes:
        """Return what Git printed; raise Corrupt if it failed."""
        place = ("--git-dir", str(self._place), "--work-tree", str(self._folder))
        command = ["git", *_SAFE, *(() if words[0] == "init" else place), *words]
        try:
            done = subprocess.run(
                command,
                cwd=self._folder,
                input=given,
                capture_output=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except FileNotFoundError:
            raise NotReady("git is not installed") from None
        except subprocess.TimeoutExpired:
            raise NotReady(f"git took longer than {_PATIENCE_S} seconds") from None
        if done.returncode:
            raise Corrupt(
                f"the code that was kept cannot be read: git {words[0]} failed",
                hint="`roadbed audit verify` says which bytes are not what they were",
            )
        return done.stdout


@contextmanager
def _temporary() -> Iterator[_Repository]:
    with tempfile.TemporaryDirectory(prefix="roadbed-") as name:
        folder = Path(name)
        yield _Repository(folder / ".git", folder)
