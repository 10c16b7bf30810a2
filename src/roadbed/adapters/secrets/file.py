"""Secrets in files of one mounted directory: `secret://file/openai-key`.

This is how Kubernetes, systemd and Docker hand secrets to a process. A file is read
anew after a few seconds, so that a rotated secret is found without a restart.
"""

import os
from pathlib import Path

from roadbed.core.errors import Invalid, NotFound
from roadbed.core.secret import Secret
from roadbed.settings import Settings

MAX_BYTES = 1024 * 1024


class FileSecrets:
    """The files in *folder*, and nothing outside it, whatever links say."""

    lifetime_s = 5.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, path: str) -> Secret:
        """Return the text of the file at *path*, without its last line break.

        Raises NotFound if there is no such file, or if it is empty or outside the
        directory: which of these, an outsider cannot tell. Raises Invalid for a file
        that is not UTF-8 text or larger than 1 MiB.
        """
        data = self._read(path)
        if len(data) > MAX_BYTES:
            raise Invalid(f"secret://file/{path} is larger than {MAX_BYTES} bytes")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = None
        if text is None:
            raise Invalid(f"secret://file/{path} is not UTF-8 text")
        value = text.removesuffix("\n").removesuffix("\r")
        if not value:
            raise self._missing(path)
        return Secret(value)

    def previous(self, path: str) -> Secret | None:
        """Return None: a file has no past."""
        return None

    def _read(self, path: str) -> bytes:
        data = None
        if path and ".." not in Path(path).parts:
            try:
                folder = self._folder.resolve(strict=True)
                file = (folder / path).resolve(strict=True)
                if file.is_relative_to(folder) and file.is_file():
                    with open(file, "rb", opener=_open_no_link) as opened:
                        data = opened.read(MAX_BYTES + 1)
            except (OSError, RuntimeError, ValueError):
                data = None  # absent, unreadable, a loop of links, a NUL in the name
        if data is None:
            raise self._missing(path)
        return data

    def _missing(self, path: str) -> NotFound:
        return NotFound(
            f"there is no secret://file/{path}",
            hint=f"put the value into a file of that name in {self._folder}, "
            "readable by this process",
        )


def _open_no_link(path: str, flags: int) -> int:
    """Open a file that was resolved, unless it has become a link or a pipe since."""
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags | careful)


def source(settings: Settings) -> FileSecrets:
    """Return the secrets in the folder `secrets` of the state directory."""
    return FileSecrets(settings.state / "secrets")
