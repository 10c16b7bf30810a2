"""Hands finished calls on to a collector of traces: tracing costs no call anything."""

import msgspec

from roadbed.gateway.outflow import CAPACITY, EVERY_S, Outflow
from roadbed.gateway.spans import spans_of
from roadbed.inference.call import Call
from roadbed.inference.record import CallRecord
from roadbed.ports.traces import Traces

_Item = tuple[CallRecord, str]


class Tracer(Outflow[_Item]):
    """Exports the spans of calls from a thread of its own."""

    def __init__(
        self, traces: Traces, *, capacity: int = CAPACITY, every_s: float = EVERY_S
    ) -> None:
        def send(taken: list[_Item]) -> int:
            spans = [span for each in taken for span in spans_of(*each)]
            return traces.export(spans) if spans else 0

        super().__init__(
            send, traces.close, "traces", capacity=capacity, every_s=every_s
        )

    def watch(self, call: Call, record: CallRecord) -> None:
        """Queue a finished call, unless its caller does not want to see the trace."""
        if call.sampled:
            self.put((_slim(record), call.trace_state))


def _slim(record: CallRecord) -> CallRecord:
    """Return *record* without what no span says, so that a full queue stays small."""
    if not (record.num or record.cat or record.prediction):
        return record
    return msgspec.structs.replace(record, num={}, cat={}, prediction={})
