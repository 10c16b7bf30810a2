"""Every denial becomes an audit entry, and the refused caller waits for it."""

import asyncio
import logging
import threading
from collections import deque
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from roadbed.access.authorize import NOBODY, denied_entry
from roadbed.audit.entry import Entry
from roadbed.control.masks import mask
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.gateway.alerts import Alert
from roadbed.inference.call import Call, Outcome
from roadbed.inference.path import idle
from roadbed.server.alarm import Alarm

BACKLOG = 10_000
BATCH = 500
RETRY_SECONDS = 2.0
WAIT_SECONDS = 10.0
NAME_LENGTH = 120
ALERT = "audit.denials"
_log = logging.getLogger("roadbed.server")


class Log(Protocol):
    """Writes entries in one transaction; an `audit.log.AuditLog` does."""

    def record(self, *entries: Entry) -> None:
        """Write *entries*; they are durable when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    written: "Future[None]"


class DenialWriter:
    """A thread that writes denials, as many per transaction as have gathered.

    If the database cannot take them, callers are answered all the same, an alert
    is raised, and the entries are tried again; at most `BACKLOG` of them are kept.
    """

    def __init__(
        self, log: Log, alarm: Alarm, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._log = log
        self._alarm = alarm
        self._retry_seconds = retry_seconds
        self._failing = False
        self._queue: deque[_Waiting] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(
            target=self._run, name="roadbed-denials", daemon=True
        )

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what has gathered, and end."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=20)

    def put(self, entry: Entry) -> "Future[None]":
        """Queue *entry*; the future is done when it is written, or cannot be now."""
        waiting = _Waiting(entry, Future())
        if self._stopping or len(self._queue) >= BACKLOG:
            self._warn("denials were lost: too many waited to be written")
            waiting.written.set_result(None)
            return waiting.written
        self._queue.append(waiting)
        self._wake.set()
        return waiting.written

    def refused(
        self,
        principal: Principal | None,
        action: str,
        target: Target,
        reason: str = "no policy allows it",
    ) -> None:
        """Write down that a page was refused; blocks, for worker threads."""
        written = self.put(denied_entry(principal, action, target, reason))
        wait([written], timeout=WAIT_SECONDS)

    def _run(self) -> None:
        while not (self._stopping and not self._queue):
            self._wake.wait(timeout=None if not self._queue else self._retry_seconds)
            self._wake.clear()
            while self._queue and self._write_batch():
                pass
            if self._stopping:
                return

    def _write_batch(self) -> bool:
        size = min(len(self._queue), BATCH)
        batch = [self._queue.popleft() for _ in range(size)]
        try:
            self._log.record(*[waiting.entry for waiting in batch])
        # The thread must outlive whatever a database driver can raise.
        except Exception as error:  # noqa: BLE001
            _log.warning("denials cannot be written", exc_info=error)
            self._warn("denials wait to be written to the audit log", error)
            self._queue.extendleft(reversed(batch))
            _release(batch)
            return False
        if self._failing:
            self._failing = False
            self._alarm.clear(ALERT)
        _release(batch)
        return True

    def _warn(self, message: str, error: Exception | None = None) -> None:
        self._failing = True
        detail = {"reason": type(error).__name__} if error else {}
        self._alarm.alert(Alert(code=ALERT, message=message, detail=detail))


class AuditDenials:
    """A step: a refused call becomes an audit entry before its caller is told."""

    def __init__(self, writer: DenialWriter) -> None:
        self._writer = writer

    @idle
    def admit(self, call: Call) -> None:
        """Nothing to do on the way in."""

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Queue the entry of a denied call, and let the answer wait for it."""
        if outcome.status == "denied":
            call.waits.append(patiently(self._writer.put(entry_of(call, outcome))))


def patiently(
    written: "Future[None]", seconds: float = WAIT_SECONDS
) -> "asyncio.Future[None]":
    """Return what is done when *written* is, or after *seconds* in any case.

    A database that is locked delays an answer; it does not keep it back.
    """
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(seconds, _settle, waiter)
    waiter.add_done_callback(lambda _: timer.cancel())

    def wake(_: "Future[None]") -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody is waiting
            loop.call_soon_threadsafe(_settle, waiter)

    written.add_done_callback(wake)
    return waiter


def _settle(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def entry_of(call: Call, outcome: Outcome) -> Entry:
    """Return the audit entry of a refused call."""
    error = outcome.error
    return entry_for(
        actor=call.principal.chain if call.principal else NOBODY,
        action="endpoint.infer",
        resource=f"Endpoint/{call.asked_for}",
        reason=error.message if error else "",
        where=call.id,
    )


def entry_for(
    *, actor: str, action: str, resource: str, reason: str, where: str
) -> Entry:
    """Return the entry of a refusal; *where* is a call id, or a method and a path.

    What looks like a secret or a person in what a stranger wrote is masked.
    """
    return Entry(
        actor=actor,
        action=action,
        resource=mask(resource)[:NAME_LENGTH],
        outcome="denied",
        detail={"reason": mask(reason)[:400], "where": mask(where)[:200]},
    )


def _release(batch: list[_Waiting]) -> None:
    """Wake those who wait; an entry that is tried again has nobody waiting."""
    for waiting in batch:
        if (
            not waiting.written.done()
            and waiting.written.set_running_or_notify_cancel()
        ):
            waiting.written.set_result(None)
