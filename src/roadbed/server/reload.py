"""Watches for changes, compiles the new picture aside, and swaps it in whole."""

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Any

from roadbed.control.serve import Serving
from roadbed.core.errors import RoadbedError
from roadbed.core.heap import give_back
from roadbed.gateway.alerts import Alert, Severity
from roadbed.server.alarm import Alarm
from roadbed.server.switch import Switch

EVERY_S = 0.25
RETRY_BROKEN_S = 30.0
SWAP_TIMEOUT_S = 30.0
SWAPS_PER_SWEEP = 16
SWAPS_AT_MOST = 64
QUIET_S = 2.0
MAX_WAIT_S = 30.0
COMPILE = "serving.compile"
WATCH = "serving.watch"
BROKEN = "serving.broken"
IMPAIRED = "serving.impaired"
UNREADY = "serving.unready"
_log = logging.getLogger("roadbed.server")

Revision = Callable[[], int]
"""Reads the counter `serving` from the database."""
Build = Callable[[Serving | None], Serving]
"""Compiles what the database says now, keeping open what did not change."""


class Reloader:
    """Keeps a switch on what was last applied.

    A thread looks at the counter every quarter of a second. What cannot be
    compiled changes nothing: the last good picture is served on, an alert says
    why, and it is tried again, ever more slowly, until the next change.
    """

    def __init__(
        self,
        revision: Revision,
        build: Build,
        switch: Switch,
        alarm: Alarm,
        retry_broken_s: float = RETRY_BROKEN_S,
    ) -> None:
        self._revision = revision
        self._build = build
        self._switch = switch
        self._alarm = alarm
        self._retry_broken_s = retry_broken_s
        self._seen = self._tried = -1
        self._swapped = 0.0
        self._failures = 0
        self._swaps = 0
        self._raised: set[str] = set()
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(
            target=self._run, name="roadbed-reload", daemon=True
        )

    async def start(self) -> None:
        """Compile the first picture and begin to watch; raises if there is none."""
        self._loop = asyncio.get_running_loop()
        self._seen, serving = await asyncio.to_thread(self._first)
        self._tried = self._seen
        self._show(serving)
        self._sweep()
        self._report(serving)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching. Blocks while a picture is being compiled."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=SWAP_TIMEOUT_S)
        if self._looking.acquire(timeout=SWAP_TIMEOUT_S):
            self._looking.release()
        if serving := self._switch.serving:
            wait(serving.loading, timeout=SWAP_TIMEOUT_S)
        gc.unfreeze()

    def look(self) -> bool:
        """Look once; return whether a new picture is now served.

        Any thread may look, except that of the event loop: it is waited for.
        """
        with self._looking:
            return not self._stop.is_set() and self._look()

    def look_for_change(self) -> bool:
        """Look once, for who cannot wait; what was tried before is not tried again."""
        with self._looking:
            if self._stop.is_set() or self._revision() == self._tried:
                return False
            return self._look()

    def _look(self) -> bool:
        revision = self._revision()
        if revision == self._seen and not self._should_retry():
            self._tidy()
            return False
        self._tried = revision
        serving = self._build(self._switch.serving)
        self._swap(serving)
        self._seen = revision
        self._report(serving)
        return True

    def _should_retry(self) -> bool:
        """Say whether something is loaded now, or it is time to try or look again."""
        serving = self._switch.serving
        if serving and any(job.done() for job in serving.loading):
            return True
        waited = time.monotonic() - self._swapped
        if serving and waited >= serving.fresh_s:
            return True
        seen = serving.snapshot if serving else None
        lacks = seen and (seen.broken or seen.impaired or seen.unready)
        return bool(lacks) and waited >= self._retry_broken_s

    def _first(self) -> tuple[int, Serving]:
        revision = self._revision()
        return revision, self._build(None)

    def _run(self) -> None:
        while not self._stop.wait(self._patience()):
            try:
                self.look()
            except RoadbedError as error:
                self._fail(COMPILE, f"{error.message} ({error.hint})")
            # A driver may raise anything, and this thread must outlive it.
            except Exception as error:  # noqa: BLE001
                _log.warning("the new snapshot is not served", exc_info=error)
                self._fail(WATCH, type(error).__name__)
            else:
                self._failures = 0
                self._over(COMPILE)
                self._over(WATCH)

    def _patience(self) -> float:
        return min(EVERY_S * 2**self._failures, MAX_WAIT_S)

    def _fail(self, code: str, reason: str) -> None:
        self._failures = min(self._failures + 1, 10)
        self._raise(code, "the last change is not served", reason)

    def _report(self, serving: Serving) -> None:
        """Say what could not be loaded: endpoints, their reserves, newer versions."""
        snapshot = serving.snapshot
        broken = {n: w for n, w in snapshot.broken.items() if n not in snapshot.loading}
        self._tell(BROKEN, "endpoints could not be loaded", broken, "critical")
        lacking = "endpoints lack something to fall back on"
        self._tell(IMPAIRED, lacking, snapshot.impaired, "warning")
        late = "newer versions could not be loaded by rollouts"
        self._tell(UNREADY, late, snapshot.unready, "warning")

    def _tell(
        self, code: str, what: str, found: Mapping[str, str], severity: Severity
    ) -> None:
        if found:
            names = ", ".join(sorted(found))
            self._raise(code, f"{what}: {names}", found, severity)
        else:
            self._over(code)

    def _raise(
        self, code: str, message: str, reason: Any, severity: Severity = "critical"
    ) -> None:
        detail = dict(reason) if isinstance(reason, dict) else {"reason": str(reason)}
        self._raised.add(code)
        self._alarm.alert(
            Alert(code=code, severity=severity, message=message, detail=detail)
        )

    def _over(self, code: str) -> None:
        if code in self._raised:
            self._raised.discard(code)
            self._alarm.clear(code)

    def _swap(self, serving: Serving) -> None:
        """Swap on the loop's thread, and wait: the next look compares with it."""
        assert self._loop is not None
        done = threading.Event()

        def swap() -> None:
            self._show(serving)
            done.set()

        self._loop.call_soon_threadsafe(swap)
        done.wait(SWAP_TIMEOUT_S)
        self._settle()

    def _show(self, serving: Serving) -> None:
        self._switch.swap(serving)
        self._swapped = time.monotonic()

    def _settle(self) -> None:
        """Let no later sweep look at what lives as long as a snapshot.

        What was frozen is never swept, so garbage is swept before.
        """
        self._swaps += 1
        if self._swaps >= SWAPS_AT_MOST:
            self._sweep()
        else:
            _freeze()

    def _tidy(self) -> None:
        """Sweep once in a while, when nothing changes: a tenth of a second for all."""
        quiet = time.monotonic() - self._swapped >= QUIET_S
        if quiet and self._swaps >= SWAPS_PER_SWEEP:
            self._sweep()

    def _sweep(self) -> None:
        """Thaw the pictures of before for a sweep, or they would stay for ever."""
        self._swaps = 0
        gc.unfreeze()
        _freeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()
    give_back()
