"""The keeper: a thread that seals what the writer closed, and adopts from the dead."""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from roadbed.core.clock import to_us
from roadbed.core.errors import NotReady
from roadbed.core.heap import give_back
from roadbed.gateway.adopt import LATER, Adopted, Adopter
from roadbed.gateway.alerts import Alert, clear_alerts, raise_alert
from roadbed.gateway.lock import ProcessLock
from roadbed.gateway.seal import Sealer
from roadbed.gateway.spool import Spool, process_of

ADOPT_EVERY_S = 15.0
RETRY_S = 1.0
Note = Literal["look", "stop"]


class Keeper:
    """Does the slow work behind the call log, away from the answers.

    Whatever goes wrong becomes an alert and is tried again; alerts that the
    database cannot take are kept in memory, where `pending` shows them.
    """

    def __init__(
        self,
        state: Path,
        sealer: Sealer,
        process: str,
        *,
        adopt_every_s: float = ADOPT_EVERY_S,
    ) -> None:
        self.spools = state / "spool"
        self.process = process
        self._sealer = sealer
        self._adopter = Adopter(self.spools, state / "quarantine", sealer, self.alert)
        self._every_s = adopt_every_s
        self._closed: queue.SimpleQueue[Spool | Note] = queue.SimpleQueue()
        self._unsealed: list[Path] = []
        self._alerts: dict[tuple[str, str], Alert] = {}
        self._raised: dict[str, float] = {}
        self._cleared: set[str] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, name="roadbed-keeper", daemon=True
        )
        self._lock: ProcessLock | None = None
        self._calm = False
        self.sealed = 0

    def start(self) -> None:
        """Take this process's lock and begin; adopts from the dead first of all.

        Raises NotReady if the spool folder cannot be used.
        """
        try:
            self.spools.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = ProcessLock.hold(self.spools / f"{self.process}.lock")
        except OSError as error:
            raise NotReady(
                f"the spool folder cannot be used: {error.strerror}",
                hint="look at `spool` in the state directory, and at its permissions",
            ) from None
        self._thread.start()

    def take(self, spool: Spool) -> None:
        """Close *spool* and seal it, soon. The caller writes to it no more."""
        self._closed.put(spool)

    def alert(self, alert: Alert) -> None:
        """Raise *alert*, soon; from any thread."""
        with self._guard:
            self._cleared.discard(alert.code)
            new = (alert.code, alert.message) not in self._alerts
            self._alerts[alert.code, alert.message] = alert
            lately = time.monotonic() - self._raised.get(alert.code, -RETRY_S) < RETRY_S
            self._raised[alert.code] = time.monotonic()
        if new and not lately:
            self._closed.put("look")

    def clear(self, code: str) -> None:
        """Say that the alerts with *code* are over, soon; from any thread."""
        with self._guard:
            self._cleared.add(code)
            for key in [key for key in self._alerts if key[0] == code]:
                del self._alerts[key]
        self._closed.put("look")

    def pending(self) -> list[Alert]:
        """Return the alerts that the database does not hold yet."""
        with self._guard:
            return list(self._alerts.values())

    def close(self) -> None:
        """Seal what is left and let go of the lock; returns when that is done.

        What cannot be sealed now stays in the spool folder for the next process.
        """
        self._closed.put("stop")
        if self._thread.ident is not None:
            self._thread.join()
        self._flush()
        if self._lock is not None:
            own = [p for p in self.spools.glob("*") if process_of(p) == self.process]
            self._lock.release(remove=not own)
            self._lock = None

    def _run(self) -> None:
        due, note = 0.0, "look"
        while note != "stop":
            if time.monotonic() >= due:
                self._attempt(self._look_around)
                due = time.monotonic() + self._every_s
            self._flush()
            note = self._next(due)
            if isinstance(note, Spool):
                self._shut(note)
            if note != "look":
                self._attempt(self._seal_own)

    def _next(self, due: float) -> Spool | Note:
        """Return what comes next; "look" when it is time to look around again."""
        wait_s = due - time.monotonic()
        if self.pending():
            wait_s = min(wait_s, RETRY_S)
        try:
            return self._closed.get(timeout=max(wait_s, 0.01))
        except queue.Empty:
            return "look"

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do *work*; whatever happens, the keeper goes on and says so."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 one odd spool must not end sealing
            self._complain(error)

    def _look_around(self) -> None:
        """Adopt from the dead, and try again what failed before."""
        done = self._adopter.adopt(self.process)
        self.sealed += done.sealed
        self._seal_own()
        if not done.postponed and not self._unsealed and not self._calm:
            self._calm = True
            self.clear("spool.unsealed")
            self.clear("keeper.failed")
        self._calm = self._calm and not done.postponed

    def _shut(self, spool: Spool) -> None:
        try:
            spool.close()
        except sqlite3.Error as error:
            self._complain(error)
        self._unsealed.append(spool.path)

    def _seal_own(self) -> None:
        done = Adopted()
        for path in self._unsealed:
            self._adopter.seal(path, done)
        if self._unsealed:
            give_back()
        self._unsealed = [path for path in self._unsealed if path.exists()]
        self._calm = self._calm and not done.postponed
        self.sealed += done.sealed

    def _complain(self, error: Exception) -> None:
        self._calm = False
        self.alert(
            Alert(
                code="keeper.failed",
                message="the keeper of the call log could not do its work",
                detail={"reason": str(error)[:300]},
            )
        )

    def _flush(self) -> None:
        """Write alerts to the database; those that it cannot take stay here."""
        with self._guard:
            raised, cleared = dict(self._alerts), set(self._cleared)
        if not raised and not cleared:
            return
        try:
            self._write(list(raised.values()), cleared)
        except LATER:
            return  # still pending, and shown as such
        with self._guard:
            self._cleared -= cleared
            for key, alert in raised.items():
                if self._alerts.get(key) is alert:
                    del self._alerts[key]

    def _write(self, raised: list[Alert], cleared: set[str]) -> None:
        now_us = to_us(self._sealer.clock.now())
        with self._sealer.database.write() as connection:
            for code in sorted(cleared):
                clear_alerts(connection, code, now_us)
            for alert in raised:
                raise_alert(connection, alert, now_us)
