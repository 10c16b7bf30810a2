"""Copies of checkpoints in a folder, such as a disk that another host exports."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from roadbed.core.errors import Conflict, NotReady
from roadbed.core.sync import sync


class FolderCopies:
    """One file to a checkpoint, named after its size; a file is never written again."""

    def __init__(self, folder: Path, name: str = "folder") -> None:
        self.name = name
        self._folder = folder

    def put(self, size: int, note: str) -> None:
        """Keep *note*; see the port."""
        file = self._folder / f"{size:020d}"
        draft = self._folder / f".{file.name}.{uuid4().hex}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as out:
                out.write(note)
                out.flush()
                os.fsync(out.fileno())
            self._link(draft, file, size, note)
        except OSError as error:
            raise NotReady(
                f"a checkpoint cannot be copied to {file}: {error.strerror}",
                hint="make room or mend the permissions",
            ) from None
        finally:
            with suppress(OSError):
                draft.unlink()

    def notes(self) -> list[str]:
        """Return the notes; see the port."""
        return [_read(file) for file in sorted(self._files())]

    def newest(self) -> str | None:
        """Return the newest note; see the port."""
        file = max(self._files(), default=None)
        return None if file is None else _read(file)

    def _files(self) -> list[Path]:
        return [file for file in self._folder.glob("[0-9]*") if file.is_file()]

    def _link(self, draft: Path, file: Path, size: int, note: str) -> None:
        try:
            file.hardlink_to(draft)
            sync(self._folder)
        except FileExistsError:
            if _read(file) != note:
                raise Conflict(
                    f"{file} holds another checkpoint over {size} entries",
                    hint="run `roadbed audit verify`: the log may have been forked",
                ) from None


def _read(file: Path) -> str:
    return file.read_text("utf-8", "replace")
