"""The recorder: the one writer of this process's spool.

Its thread sleeps until something is queued, writes all that is there in one
commit and wakes those who wait for it: a group commit without a tick.
"""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.core.errors import NotReady, RoadbedError
from roadbed.gateway.alerts import Alert
from roadbed.gateway.inbox import Inbox, Item, fail, settle
from roadbed.gateway.keeper import Keeper
from roadbed.gateway.reader import SpoolReader
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.inference.record import CallRecord, Payload

RETRY_S = 0.5
_KEEPS_FILE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_ROWS_FAULT = (sqlite3.DataError, sqlite3.IntegrityError)
_HINT = "the disk under the state directory is full or failing; see `roadbed doctor`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a spool is sealed, and how much may wait in memory to be written."""

    seal_bytes: int = 64 * 1024 * 1024
    seal_seconds: float = 60.0
    queue_items: int = 20_000
    queue_bytes: int = 256 * 1024 * 1024


@dataclass(slots=True)
class Counts:
    """What happened since the start: calls, except for `commits` and `failures`."""

    written: int = 0
    commits: int = 0
    failures: int = 0
    shed: int = 0
    refused: int = 0
    lost: int = 0
    repeated: int = 0


class Recorder:
    """Puts finished calls into the spool, in the background.

    When the disk will not take them, those who wait get NotReady at once, the
    rows stay queued and are tried again, and there is an alert. When the queue is
    full, a call that wants to wait is refused with NotReady, and one that does
    not is shed: counted and alerted, never silent.
    """

    def __init__(self, keeper: Keeper, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.counts = Counts()
        self._keeper = keeper
        self._inbox = Inbox(self.limits.queue_items, self.limits.queue_bytes)
        self._thread = threading.Thread(
            target=self._guarded, name="roadbed-recorder", daemon=True
        )
        self._spool: Spool | None = None
        self._seq = 0
        self._born = 0.0
        self._backlog: list[Item] = []
        self._failing = False
        self._asked = False

    def start(self) -> None:
        """Open the spool and begin; raises NotReady if the disk will not have it."""
        self._keeper.start()
        try:
            self._spool = self._open()
        except sqlite3.Error as error:
            self._keeper.close()
            raise _unwritable(error) from None
        self._thread.start()

    def put(
        self, record: CallRecord, payload: Payload | None, *, durable: bool = True
    ) -> "asyncio.Future[None] | None":
        """Queue a call; with *durable* return what is done when it is on the disk.

        Raises Invalid for a record that no log could give back as it is. A full
        queue fails the future, or sheds the call if nobody waits. A durable put
        belongs in a running event loop.
        """
        row = encode(record, payload)
        size = len(row[2]) + len(row[3] or "")
        if not durable:
            if not self._inbox.put(Item(row, size)):
                self._turn_away(None)
            return None
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()

        def wake() -> None:
            # Calls that end in the same turn of the loop go into the same commit.
            loop.call_soon(self._inbox.rouse)

        if not self._inbox.put(Item(row, size, waiter), wake):
            self._turn_away(waiter)
        return waiter

    def seal_soon(self) -> None:
        """Seal what is in the spool now, although it is neither old nor large."""
        self._asked = True
        self._inbox.nudge()

    @property
    def queued(self) -> int:
        """How many calls wait to be written."""
        return self._inbox.items

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write succeeded and the writer is alive."""
        return self._thread.is_alive() and not self._failing

    def pending_alerts(self) -> list[Alert]:
        """Return the alerts that the database does not hold yet."""
        return self._keeper.pending()

    def close(self) -> None:
        """Write what is queued, seal it, and stop. Blocks; call it from a thread."""
        self._inbox.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._keeper.close()

    def _turn_away(self, waiter: "asyncio.Future[None] | None") -> None:
        if waiter is not None:
            self.counts.refused += 1
            closing = self._inbox.closed
            reason = "is closed" if closing else "has no room for another call"
            fail(waiter, NotReady(f"the call log {reason}", hint=_HINT))
        else:
            self.counts.shed += 1
        self._alert("spool.shed", "calls were not recorded: the queue was full")

    def _guarded(self) -> None:
        """Run; should that ever end badly, nobody is left waiting."""
        try:
            self._run()
        except BaseException:
            self._inbox.close()
            left = self._backlog + self._inbox.take(0)
            self.counts.lost += len(left)
            settle(left, NotReady("the call log has stopped", hint=_HINT))
            self._alert("recorder.stopped", "the writer of the call log has stopped")
            self._rotate()
            raise

    def _run(self) -> None:
        while True:
            taken = self._inbox.take(self._patience())
            if taken or self._backlog:
                self._backlog += taken
                self._write()
            if self._is_due():
                self._rotate()
            if self._inbox.closed and not taken:
                break
        self._rotate()
        self._give_up()

    def _write(self) -> None:
        """Commit the backlog; on failure keep it, and fail those who wait."""
        items = self._backlog
        try:
            kept = self._append([item.row for item in items])
        except sqlite3.Error as error:
            self._suffer(error)
            return
        self._backlog = []
        self.counts.written += kept
        self.counts.commits += 1
        if kept < len(items):
            self.counts.repeated += len(items) - kept
            self._alert("spool.repeated", "a call id was used twice; the first counts")
        self._inbox.done(items)
        settle(items, None)
        if self._failing:
            self._failing = False
            self._keeper.clear("spool.unwritable")

    def _append(self, rows: Sequence[tuple[str, int, str, str | None]]) -> int:
        if self._spool is None:
            self._spool = self._open()
        if not self._spool.rows:
            self._born = time.monotonic()
        return self._spool.append(rows)

    def _open(self) -> Spool:
        name = name_of(self._keeper.process, self._seq + 1)
        spool = Spool(self._keeper.spools / name)
        self._seq += 1
        return spool

    def _suffer(self, error: sqlite3.Error) -> None:
        self._failing = True
        self.counts.failures += 1
        self._alert("spool.unwritable", "calls cannot be written to the disk", error)
        self._backlog += self._inbox.take(0)
        settle(self._backlog, _unwritable(error))
        if isinstance(error, _ROWS_FAULT):
            self._discard_what_no_spool_takes()
        elif getattr(error, "sqlite_errorcode", 1) & 0xFF not in _KEEPS_FILE:
            self._abandon()

    def _abandon(self) -> None:
        """Leave a file that fails, and keep queued only what it does not hold.

        After an I/O error nobody knows whether the last commit took place.
        """
        spool, self._spool = self._spool, None
        if spool is None:
            return
        try:
            with SpoolReader(spool.path) as reader:
                there = reader.has([item.row[0] for item in self._backlog])
        except RoadbedError:
            there = set()
        self._let_go([item for item in self._backlog if item.row[0] in there])
        self._keeper.take(spool)

    def _discard_what_no_spool_takes(self) -> None:
        """Write the rows one by one, so that an impossible one stops no other."""
        for item in list(self._backlog):
            try:
                self.counts.written += self._append([item.row])
            except _ROWS_FAULT as error:
                self.counts.lost += 1
                self._alert("spool.lost", "a call fits into no spool", error)
            except sqlite3.Error:
                return
            self._let_go([item])

    def _let_go(self, items: list[Item]) -> None:
        self._inbox.done(items)
        gone = {id(item) for item in items}
        self._backlog = [item for item in self._backlog if id(item) not in gone]

    def _patience(self) -> float | None:
        """Return how long to sleep if nothing comes; None is for ever."""
        if self._backlog:
            return RETRY_S
        if self._spool is None or not self._spool.rows:
            return None
        return max(self._born + self.limits.seal_seconds - time.monotonic(), 0.0)

    def _is_due(self) -> bool:
        spool = self._spool
        asked, self._asked = self._asked, False
        if spool is None or not spool.rows or self._failing:
            return False
        if asked:
            return True
        old = time.monotonic() >= self._born + self.limits.seal_seconds
        return old or spool.bytes >= self.limits.seal_bytes

    def _rotate(self) -> None:
        """Hand the spool to the keeper; the next call opens a new one."""
        spool, self._spool = self._spool, None
        if spool is not None:
            self._keeper.take(spool)

    def _give_up(self) -> None:
        """Count what could not be written before the end."""
        if self._backlog:
            self.counts.lost += len(self._backlog)
            self._alert(
                "spool.lost", f"{len(self._backlog)} calls were lost at the end"
            )

    def _alert(self, code: str, message: str, error: Exception | None = None) -> None:
        detail = {} if error is None else {"reason": str(error)[:300]}
        self._keeper.alert(
            Alert(code=code, severity="critical", message=message, detail=detail)
        )


def process_name(replica: str) -> str:
    """Return a name for this process that no other process ever had."""
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in replica)
    return f"{plain[:40] or 'replica'}-{os.urandom(8).hex()}"


def _unwritable(error: sqlite3.Error) -> NotReady:
    return NotReady(f"the call log could not be written: {error}", hint=_HINT)
