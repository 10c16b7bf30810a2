"""Hands grades that were made here on to a collector, each to the trace of its call.

Only numbers, labels and digests go out: what a grader says in words may quote what was
asked and answered, as no span does.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from roadbed.evals.grading import Grade
from roadbed.evals.otel import EVENT, Evaluated, attributes
from roadbed.gateway.outflow import CAPACITY, EVERY_S, Outflow
from roadbed.ports.traces import Noted, Traces

Announce = Callable[[Evaluated], None]


def unsaid(evaluated: Evaluated) -> None:
    """Tell nobody."""


class Announcer(Outflow[Evaluated]):
    """Exports grades as events `gen_ai.evaluation.result`, from a thread of its own."""

    def __init__(
        self, traces: Traces, *, capacity: int = CAPACITY, every_s: float = EVERY_S
    ) -> None:
        def send(taken: list[Evaluated]) -> int:
            return traces.note(list(noted(taken)))

        super().__init__(
            send, traces.close, "grades", capacity=capacity, every_s=every_s
        )


def noted(some: Iterable[Evaluated]) -> Iterable[Noted]:
    """Yield each grade as an event of the span that it is about, without words."""
    for each in some:
        plain = Grade(value=each.grade.value, label=each.grade.label)
        yield Noted(
            trace_id=each.trace_id,
            span_id=each.span_id,
            name=EVENT,
            at_us=each.at_us,
            attributes=attributes(replace(each, grade=plain)),
        )
