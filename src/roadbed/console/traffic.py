"""Calls over time, as the pages show them: windows, and the steps of a day."""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from roadbed.access.visible import Viewer
from roadbed.console.data import Point, Window
from roadbed.core.actor import Principal
from roadbed.gateway.history import Span
from roadbed.gateway.series import Point as Counted

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
STEP_US = HOUR_US // 2
STEPS = 48
_ALL_US = 10**17
"""One step that holds all time, so that a window is not cut at a round hour."""
_FRESH_US = 3_000_000
_VIEWERS = 64
"""How many viewers' counts are kept at once."""


Count = Callable[[Span], list[Counted]]
"""Counts the calls of a stretch of time by endpoint and step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """A day of calls: each endpoint's hour, day and steps, counted up to `until_us`."""

    until_us: int
    hour: tuple[Counted, ...] = ()
    day: tuple[Counted, ...] = ()
    steps: tuple[Counted, ...] = ()

    def windows(self, names: Collection[str]) -> tuple[Window, ...]:
        """Return the last hour and the last 24 hours of all endpoints together.

        The slowest is looked for among *names*, the endpoints that may be seen.
        """
        return (
            _window("Last hour", self.hour, names),
            _window("Last 24 hours", self.day, names),
        )

    def of(self, endpoint: str) -> Counted | None:
        """Return the last 24 hours of one endpoint, None if nobody called it."""
        return next((c for c in self.day if c.endpoint == endpoint), None)

    def half_hours(self, endpoint: str = "") -> tuple[Point, ...]:
        """Return 48 half hours of one endpoint, or of all together."""
        return self._spread(endpoint, STEP_US)

    def hours(self, endpoint: str) -> tuple[Point, ...]:
        """Return 24 hours of one endpoint."""
        return self._spread(endpoint, HOUR_US)

    def _spread(self, endpoint: str, step_us: int) -> tuple[Point, ...]:
        calls: dict[int, int] = defaultdict(int)
        errors: dict[int, int] = defaultdict(int)
        for counted in self.steps:
            if endpoint in ("", counted.endpoint):
                at_us = counted.at_us // step_us * step_us
                calls[at_us] += counted.calls
                errors[at_us] += counted.errors
        last = self.until_us // step_us * step_us
        first = last - DAY_US + step_us
        return tuple(
            Point(at_us=at_us, calls=calls[at_us], errors=errors[at_us])
            for at_us in range(first, last + 1, step_us)
        )


def count(ask: Count, now_us: int) -> Traffic:
    """Count the last day."""

    def since(ago_us: int, step_us: int) -> tuple[Counted, ...]:
        since_us, until_us = now_us - ago_us, now_us + 1
        return tuple(ask(Span(since_us=since_us, until_us=until_us, step_us=step_us)))

    return Traffic(
        until_us=now_us,
        hour=since(HOUR_US, _ALL_US),
        day=since(DAY_US, _ALL_US),
        steps=since(DAY_US, STEP_US),
    )


@dataclass(slots=True)
class Recent:
    """The last counts, for three seconds: open pages of one viewer ask for the same.

    *make* counts what a viewer may see, at a time.
    """

    make: Callable[[Viewer, int], Traffic]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: dict[tuple[Principal, str], Traffic] = field(default_factory=dict)

    def get(self, viewer: Viewer, now_us: int) -> Traffic:
        """Return a count no older than three seconds before *now_us*."""
        key = viewer.principal, viewer.authority.digest
        with self._lock:
            last = self._last.get(key)
            if last is None or not 0 <= now_us - last.until_us < _FRESH_US:
                if len(self._last) >= _VIEWERS:
                    self._last.clear()
                last = self._last[key] = self.make(viewer, now_us)
            return last


def _window(label: str, counted: Iterable[Counted], names: Collection[str]) -> Window:
    known = list(counted)
    seen = [c for c in known if c.endpoint in names]
    slowest = max(seen, key=lambda c: c.p95_us, default=None)
    return Window(
        label=label,
        calls=sum(c.calls for c in known),
        errors=sum(c.errors for c in known),
        p95_us=slowest.p95_us if slowest else None,
        slowest=slowest.endpoint if slowest else "",
    )
