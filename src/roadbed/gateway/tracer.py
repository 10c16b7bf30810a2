"""Hands finished calls on to a collector of traces, in the background.

A call is only put into a queue. When the collector is away the queue fills, and what
does not fit is dropped and counted: tracing costs no call anything.
"""

import logging
import threading
from collections import deque

import msgspec

from roadbed.core.errors import RoadbedError, TimedOut, Unavailable
from roadbed.gateway.spans import spans_of
from roadbed.inference.call import Call
from roadbed.inference.record import CallRecord
from roadbed.ports.traces import Span, Traces

CAPACITY = 10_000
BATCH = 500
EVERY_S = 1.0
LONGEST_S = 30.0
_log = logging.getLogger("roadbed.gateway")


class Tracer:
    """Exports the spans of calls from a thread of its own."""

    def __init__(
        self, traces: Traces, *, capacity: int = CAPACITY, every_s: float = EVERY_S
    ) -> None:
        self.exported = 0
        self.dropped = 0
        self._traces = traces
        self._capacity = capacity
        self._every_s = every_s
        self._queue: deque[tuple[CallRecord, str]] = deque()
        self._stop = threading.Event()
        self._away = 0
        self._thread = threading.Thread(
            target=self._run, name="roadbed-tracer", daemon=True
        )

    @property
    def queued(self) -> int:
        """How many calls wait to be exported."""
        return len(self._queue)

    def watch(self, call: Call, record: CallRecord) -> None:
        """Queue a finished call, unless its caller does not want to see the trace."""
        if not call.sampled:
            return
        if len(self._queue) >= self._capacity:
            self.dropped += 1
            return
        self._queue.append((_slim(record), call.trace_state))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Export what is queued if the collector is there, and stop. Blocks."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=LONGEST_S)
        self._traces.close()

    def _run(self) -> None:
        while not self._stop.wait(self._patience()):
            self._drain()
        self._drain()
        self.dropped += len(self._queue)

    def _patience(self) -> float:
        """Return how long to wait: longer each time that the collector is away."""
        return min(self._every_s * 2.0**self._away, LONGEST_S)

    def _drain(self) -> None:
        """Export batch by batch until nothing is left, or the collector is away."""
        while self._queue:
            size = min(len(self._queue), BATCH)
            taken = [self._queue[at] for at in range(size)]
            if not self._export(taken):
                return
            for _ in taken:
                self._queue.popleft()

    def _export(self, taken: list[tuple[CallRecord, str]]) -> bool:
        """Say whether these calls are done with, exported or given up."""
        try:
            spans: list[Span] = [s for each in taken for s in spans_of(*each)]
            refused = self._traces.export(spans) if spans else 0
        except (Unavailable, TimedOut) as error:
            if not self._away:
                _log.warning("traces wait for their collector: %s", error.message)
            self._away = min(self._away + 1, 10)
            return False
        # Whatever an exporter raises, the thread goes on with the next calls.
        except Exception as error:  # noqa: BLE001
            told = error.message if isinstance(error, RoadbedError) else repr(error)
            _log.warning("%d traces were dropped: %s", len(taken), told)
            self.dropped += len(taken)
            return True
        self._away = 0
        self.exported += len(taken)
        if refused:
            _log.warning("the collector of traces refused %d spans", refused)
        return True


def _slim(record: CallRecord) -> CallRecord:
    """Return *record* without what no span says, so that a full queue stays small."""
    if not (record.num or record.cat or record.prediction):
        return record
    return msgspec.structs.replace(record, num={}, cat={}, prediction={})
