"""Adoption: what a dead process left in its spool is sealed by whoever finds it."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from roadbed.core.errors import Corrupt, RoadbedError
from roadbed.gateway.alerts import Alert
from roadbed.gateway.lock import ProcessLock
from roadbed.gateway.reader import SpoolReader, spools_in
from roadbed.gateway.seal import Sealer
from roadbed.gateway.spool import COMPANIONS, SUFFIX, drop, process_of, recover

LATER = (RoadbedError, OSError, sqlite3.Error, SQLAlchemyError)
"""Errors that leave a spool where it is, to be tried again."""


@dataclass(slots=True)
class Adopted:
    """How many spools of the dead were dealt with, and how."""

    sealed: int = 0
    dropped: int = 0
    quarantined: int = 0
    postponed: int = 0


@dataclass(frozen=True, slots=True)
class Adopter:
    """Looks after the spools of processes that are gone.

    Nothing it meets stops it: an empty spool is dropped, an unreadable one moved
    to `quarantine` with an alert, and what fails otherwise is tried again later.
    """

    spools: Path
    quarantine: Path
    sealer: Sealer
    alert: Callable[[Alert], None]

    def adopt(self, own: str = "") -> Adopted:
        """Seal the spools of every dead process but *own*; return what was done."""
        done = Adopted()
        for process in sorted(self._processes() - {own}):
            try:
                lock = ProcessLock.take(self.spools / f"{process}.lock")
            except OSError as error:
                self._postpone(process, error, done)
                continue
            if lock is not None:
                self._inherit(process, lock, done)
        return done

    def seal(self, spool: Path, done: Adopted) -> None:
        """Seal one spool that nobody writes to, or put it where it does no harm."""
        try:
            done.sealed += bool(self.sealer.seal(spool))
        except Corrupt as error:
            self._set_aside(spool, error, done)
        except LATER as error:
            if spool.exists():
                self._postpone(spool.name, error, done)

    def _processes(self) -> set[str]:
        spools = {process_of(path) for path in spools_in(self.spools)}
        remains = {
            process_of(path.with_name(path.name.removesuffix(end)))
            for end in COMPANIONS
            for path in self.spools.glob(f"*{SUFFIX}{end}")
        }
        locks = {path.stem for path in self.spools.glob("*.lock")}
        return spools | remains | locks

    def _inherit(self, process: str, lock: ProcessLock, done: Adopted) -> None:
        try:
            for path in self._of(process):
                if _is_nothing(path):
                    drop(path)
                    done.dropped += 1
                else:
                    self._check_then_seal(path, done)
            self._sweep(process)
            empty = not self._of(process)
        except OSError as error:
            empty = False
            self._postpone(process, error, done)
        lock.release(remove=empty)

    def _check_then_seal(self, path: Path, done: Adopted) -> None:
        with suppress(sqlite3.DatabaseError):  # the reader says what is wrong
            recover(path)
        try:
            with SpoolReader(path) as reader:
                reader.check()
                empty = reader.count() == 0
        except Corrupt as error:
            self._set_aside(path, error, done)
            return
        except LATER as error:
            self._postpone(path.name, error, done)
            return
        if empty:
            drop(path)
            done.dropped += 1
        else:
            self.seal(path, done)

    def _set_aside(self, path: Path, error: Corrupt, done: Adopted) -> None:
        try:
            self.quarantine.mkdir(parents=True, exist_ok=True, mode=0o700)
            free = _free_name(self.quarantine / path.name)
            path.rename(free)
            for end in COMPANIONS:
                beside = path.with_name(path.name + end)
                if beside.exists():
                    beside.rename(free.with_name(free.name + end))
        except OSError as trouble:
            self._postpone(path.name, trouble, done)
            return
        done.quarantined += 1
        self.alert(
            Alert(
                code="spool.quarantined",
                severity="critical",
                message=f"a spool could not be read and was set aside: {path.name}",
                detail={"reason": error.message, "file": f"quarantine/{free.name}"},
            )
        )

    def _postpone(self, name: str, error: Exception, done: Adopted) -> None:
        done.postponed += 1
        self.alert(
            Alert(
                code="spool.unsealed",
                message=f"{name} could not be sealed; it will be tried again",
                detail={
                    "reason": str(error).splitlines()[0][:300] if str(error) else ""
                },
            )
        )

    def _sweep(self, process: str) -> None:
        """Remove what SQLite kept beside spools that are gone."""
        for end in COMPANIONS:
            for path in self.spools.glob(f"*{SUFFIX}{end}"):
                main = path.with_name(path.name.removesuffix(end))
                if process_of(main) == process and not main.exists():
                    path.unlink(missing_ok=True)

    def _of(self, process: str) -> list[Path]:
        return [p for p in spools_in(self.spools) if process_of(p) == process]


def _is_nothing(path: Path) -> bool:
    """Say whether the process died before it had put anything into the file."""
    beside = path.with_name(path.name + "-wal")
    return path.stat().st_size == 0 and not (beside.exists() and beside.stat().st_size)


def _free_name(path: Path) -> Path:
    free, count = path, 1
    while free.exists():
        free, count = path.with_name(f"{path.name}.{count}"), count + 1
    return free
