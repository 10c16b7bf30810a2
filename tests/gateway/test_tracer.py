"""Exporting calls in the background: in batches, bounded, and never in the way."""

import threading
import time
from functools import partial

from roadbed.core.errors import Refused, Unavailable
from roadbed.gateway.tracer import Tracer
from tests import waiting
from tests.gateway.test_spans import a_record
from tests.inference.calls import a_call, deployment

until = partial(waiting.until, seconds=10)


class Collector:
    """Takes spans, unless it is told to raise; `gate` holds it up."""

    def __init__(self, *errors):
        self.errors, self.spans, self.closed = list(errors), [], 0
        self.gate = threading.Event()
        self.gate.set()

    def export(self, spans):
        self.gate.wait(10)
        if self.errors:
            raise self.errors.pop(0)
        self.spans += spans
        return 0

    def close(self):
        self.closed += 1


def finished(tracer, count=1, **fields):
    call = a_call(deployment())
    for name, value in fields.items():
        setattr(call, name, value)
    for number in range(count):
        tracer.watch(call, a_record(call_id=f"local-{number}"))


def test_what_ended_is_exported_and_the_rest_at_the_end():
    collector = Collector()
    tracer = Tracer(collector, every_s=0.01)
    tracer.start()
    finished(tracer, 700, trace_state="vendor=1")
    until(lambda: len(collector.spans) == 700)
    finished(tracer, 3)
    tracer.close()

    assert (len(collector.spans), collector.closed) == (703, 1)
    assert (tracer.exported, tracer.dropped, tracer.queued) == (703, 0, 0)
    assert collector.spans[0].trace_state == "vendor=1"


def test_a_call_nobody_wants_to_see_is_not_exported():
    collector = Collector()
    tracer = Tracer(collector, every_s=0.01)
    tracer.start()
    finished(tracer, sampled=False)
    tracer.close()

    assert (collector.spans, tracer.dropped) == ([], 0)


def test_nobody_waits_for_a_collector_that_hangs_and_what_is_lost_is_counted():
    collector = Collector()
    collector.gate.clear()
    tracer = Tracer(collector, capacity=10, every_s=0.001)
    tracer.start()
    begun = time.monotonic()
    finished(tracer, 1000)
    took_s = time.monotonic() - begun
    collector.gate.set()
    tracer.close()

    assert took_s < 2
    assert tracer.dropped >= 900
    assert len(collector.spans) + tracer.dropped == 1000


def test_a_collector_that_comes_back_gets_what_waited_once():
    collector = Collector(Unavailable("away"), Unavailable("away"))
    tracer = Tracer(collector, every_s=0.01)
    tracer.start()
    finished(tracer, 5)
    until(lambda: len(collector.spans) == 5)
    tracer.close()

    assert (tracer.exported, tracer.dropped) == (5, 0)


def test_what_is_refused_is_dropped_and_the_next_is_tried():
    for error in (Refused("no"), ZeroDivisionError()):
        collector = Collector(error)
        tracer = Tracer(collector, every_s=0.01)
        tracer.start()
        finished(tracer)
        until(lambda tracer=tracer: tracer.dropped == 1)
        finished(tracer)
        tracer.close()

        assert (len(collector.spans), tracer.dropped) == (1, 1)


def test_what_waits_at_the_end_for_a_collector_that_is_away_is_counted():
    collector = Collector(*[Unavailable("away")] * 9)
    tracer = Tracer(collector, every_s=5)
    tracer.start()
    finished(tracer, 4)
    tracer.close()

    assert (tracer.exported, tracer.dropped) == (0, 4)
