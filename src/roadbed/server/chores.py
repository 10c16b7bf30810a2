"""Work that is done every few seconds, away from the answers."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roadbed.gateway.alerts import Alert
from roadbed.server.alarm import Alarm

_log = logging.getLogger("roadbed.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something to do every *every_s* seconds; `work` blocks and may raise."""

    name: str
    every_s: float
    work: Callable[[], object]


class Chores:
    """A thread that does its chores in turn, whatever becomes of one of them."""

    def __init__(self, chores: Sequence[Chore], alarm: Alarm) -> None:
        self._chores = tuple(chores)
        self._alarm = alarm
        self._due = {chore.name: 0.0 for chore in chores}
        self._failing: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="roadbed-chores", daemon=True
        )

    def start(self) -> None:
        """Begin; each chore is done once at once."""
        if self._chores:
            self._thread.start()

    def stop(self) -> None:
        """End after the chore that is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)

    def _run(self) -> None:
        while not self._stop.is_set():
            now = time.monotonic()
            for chore in self._chores:
                if self._due[chore.name] <= now and not self._stop.is_set():
                    self._do(chore)
                    self._due[chore.name] = time.monotonic() + chore.every_s
            soonest = min(self._due.values())
            self._stop.wait(max(0.01, soonest - time.monotonic()))

    def _do(self, chore: Chore) -> None:
        code = f"chore.{chore.name}"
        try:
            chore.work()
        # One chore that fails, in whatever way, must not end the others.
        except Exception as error:  # noqa: BLE001
            _log.warning("%s failed", chore.name, exc_info=error)
            self._failing.add(code)
            detail = {"reason": str(error)[:300]}
            message = f"{chore.name} could not be done"
            self._alarm.alert(Alert(code=code, message=message, detail=detail))
            return
        if code in self._failing:
            self._failing.discard(code)
            self._alarm.clear(code)
