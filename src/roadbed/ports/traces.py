"""What Roadbed asks of a collector of traces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Value = str | int | float | bool | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A moment inside a span; `at_us` is UTC microseconds."""

    name: str
    at_us: int
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of work in a trace. Ids are hex, times UTC microseconds.

    `error` is why it failed, empty if it did not.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    trace_state: str = ""
    name: str
    kind: Literal["server", "client"]
    start_us: int
    end_us: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that became known of a span after its end; `at_us` says when.

    Without ids it is of no span that is known.
    """

    trace_id: str = ""
    span_id: str = ""
    name: str
    at_us: int
    attributes: Mapping[str, Value] = field(default_factory=dict)


class Traces(Protocol):
    """Takes finished spans. Used from one thread, and may block it."""

    def export(self, spans: Sequence[Span]) -> int:
        """Hand on *spans*; return how many of them the collector would not have.

        Raises Unavailable or TimedOut if it is away, and may be tried again, and
        Invalid or Refused if it will never take them.
        """
        ...

    def note(self, events: Sequence[Noted]) -> int:
        """Hand on what became known of spans; as `export` does, and raises the same."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
