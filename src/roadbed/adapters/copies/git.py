"""Copies of checkpoints as commits in a Git repository, pushed if it has a remote."""

import io
import subprocess
import tarfile
from pathlib import Path

from roadbed.core.errors import Conflict, NotReady

_FOLDER = "checkpoints"
_WHO = (
    *("-c", "user.name=Roadbed", "-c", "user.email=roadbed@localhost"),
    *("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"),
)
_PATIENCE_S = 60


class GitCopies:
    """One commit to a checkpoint, in a clone that only Roadbed writes to.

    What is read is what was committed, whatever lies in the working tree.
    """

    def __init__(self, clone: Path, name: str = "git") -> None:
        self.name = name
        self._clone = clone

    def put(self, size: int, note: str) -> None:
        """Keep *note* and push it; see the port."""
        path = f"{_FOLDER}/{size:020d}"
        if path not in self._paths():
            self._commit(path, size, note)
        elif self._shown(path) != note:
            raise Conflict(
                f"{self._clone} holds another checkpoint over {size} entries",
                hint="run `roadbed audit verify`: the log may have been forked",
            )
        if self._git("remote"):
            self._git("push", "--quiet", "--set-upstream", "origin", "HEAD")

    def notes(self) -> list[str]:
        """Return the notes; see the port."""
        return [note for _, note in sorted(self._committed().items())]

    def newest(self) -> str | None:
        """Return the newest note; see the port."""
        path = max(self._paths(), default=None)
        return None if path is None else self._shown(path)

    def _commit(self, path: str, size: int, note: str) -> None:
        file = self._clone / path
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_text(note, "utf-8")
        except OSError as error:
            raise NotReady(f"{file} cannot be written: {error.strerror}") from None
        self._git("add", "--", path)
        message = f"Checkpoint over {size} entries"
        self._git("commit", "--quiet", "--only", "--message", message, "--", path)

    def _paths(self) -> list[str]:
        if not self._git("rev-list", "--all", "--max-count=1"):
            return []
        return (
            self._git("ls-tree", "--name-only", "HEAD", f"{_FOLDER}/").decode().split()
        )

    def _shown(self, path: str) -> str:
        return self._git("cat-file", "blob", f"HEAD:{path}").decode("utf-8", "replace")

    def _committed(self) -> dict[str, str]:
        if not self._paths():
            return {}
        packed = io.BytesIO(self._git("archive", "--format=tar", "HEAD", _FOLDER))
        with tarfile.open(fileobj=packed) as tar:
            return {
                member.name: file.read().decode("utf-8", "replace")
                for member in tar
                if member.isreg() and (file := tar.extractfile(member))
            }

    def _git(self, *words: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", "-C", str(self._clone), *_WHO, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", b"") or str(error).encode()
            reason = said.decode("utf-8", "replace").strip()[:300]
            raise NotReady(
                f"git {words[0]} failed in {self._clone}: {reason}",
                hint="the folder is a clone that Roadbed may commit to and push from",
            ) from None
        return done.stdout
