"""A file lock that tells the living from the dead: the kernel lets go of it for us."""

import fcntl
import os
from pathlib import Path
from typing import Self


class ProcessLock:
    """A lock file, held with `flock` for as long as this process lives.

    Take it after forking: a child that inherits it would seem to be its parent.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Take the lock at *path*, waiting for whoever looks at it just now."""
        while True:
            lock = cls._try(path, fcntl.LOCK_EX)
            if lock is not None:
                return lock

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Take the lock at *path* if its owner is dead; None if somebody has it."""
        try:
            return cls._try(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None

    @classmethod
    def _try(cls, path: Path, how: int) -> Self | None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, how)
            if _is(path, handle):
                return cls(path, handle)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # removed while we waited: this is no longer the lock
        return None

    def release(self, *, remove: bool) -> None:
        """Let go; with *remove* the file goes first, so that nobody waits on it."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._handle)


def _is(path: Path, handle: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))
