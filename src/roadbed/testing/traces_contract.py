"""What every collector of traces promises, as tests to inherit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from roadbed.core.errors import Invalid, ProviderError, Unavailable
from roadbed.ports.traces import Event, Noted, Span, Traces

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def a_span(number: int = 1, **fields: Any) -> Span:
    """Return a span of its own for each *number*, with *fields* as they are given."""
    plain: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": f"{number:016x}",
        "name": "chat support",
        "kind": "server",
        "start_us": 1_700_000_000_000_000,
        "end_us": 1_700_000_000_250_000,
    }
    return Span(**(plain | fields))


class TracesContract:
    """Subclass me, and give me these fixtures.

    - `traces`: a `Traces` whose collector takes what comes.
    - `received`: returns what that collector was told, one mapping for each span, with
      the names of `Span`'s fields.
    - `noted`: the same for what became known of spans, with the names of `Noted`.
    - `away`: a `Traces` whose collector is not there.
    - `refusing`: a `Traces` whose collector answers that it will not have this.
    """

    fields: ClassVar[tuple[str, ...]] = tuple(Span.__dataclass_fields__)

    def test_spans_arrive_as_they_were(
        self, traces: Traces, received: Callable[[], Sequence[Mapping[str, Any]]]
    ) -> None:
        """Ids, times, attributes of each type, events and errors, in order."""
        told = {"a": "text", "b": 7, "c": 0.5, "d": True, "e": ["x", "y"]}
        moment = Event(name="e", at_us=1_700_000_000_100_000, attributes={"n": 1})
        first = a_span(1, attributes=told, events=(moment,), error="provider_timeout")
        second = a_span(2, parent_id=first.span_id, kind="client", trace_state="k=v")

        refused = traces.export([first, second])

        assert refused == 0
        assert [
            {name: getattr(span, name) for name in self.fields}
            for span in (first, second)
        ] == list(received())

    def test_what_becomes_known_of_a_span_arrives_with_its_ids(
        self, traces: Traces, noted: Callable[[], Sequence[Mapping[str, Any]]]
    ) -> None:
        """Between spans, over whatever leads to the collector; without ids too."""
        told = {"score": 0.5, "label": "fair", "count": 3}
        one = Noted(
            trace_id=TRACE,
            span_id="00f067aa0ba902b7",
            name="gen_ai.evaluation.result",
            at_us=1_700_000_000_100_000,
            attributes=told,
        )
        other = Noted(name="gen_ai.evaluation.result", at_us=1)

        traces.export([a_span()])
        assert traces.note([one, other]) == 0
        traces.export([a_span()])

        names = tuple(Noted.__dataclass_fields__)
        sent = [{name: getattr(each, name) for name in names} for each in (one, other)]
        assert sent == list(noted())

    def test_many_exports_go_one_after_another(
        self, traces: Traces, received: Callable[[], Sequence[Mapping[str, Any]]]
    ) -> None:
        """Each batch arrives once."""
        for number in range(1, 6):
            traces.export([a_span(number)])

        assert [s["span_id"] for s in received()] == [f"{n:016x}" for n in range(1, 6)]

    def test_a_collector_that_is_away_may_be_tried_again(self, away: Traces) -> None:
        """What may do better later is told from what never will."""
        for _ in range(2):
            with pytest.raises(Unavailable):
                away.export([a_span()])
            with pytest.raises(Unavailable):
                away.note([Noted(name="n", at_us=1)])

    def test_a_collector_that_refuses_is_not_tried_again(
        self, refusing: Traces
    ) -> None:
        """The same spans would be refused for ever."""
        with pytest.raises((Invalid, ProviderError)) as raised:
            refusing.export([a_span()])

        assert not isinstance(raised.value, Unavailable)

    def test_closing_may_be_repeated(self, traces: Traces) -> None:
        """Also when nothing was ever exported."""
        assert [traces.close() for _ in range(2)] == [None, None]
