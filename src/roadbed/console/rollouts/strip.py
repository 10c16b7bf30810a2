"""The geometry of the weight strip: what share the newer version got, over time. Pure.

Horizontal positions are per cent of the width, vertical ones pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.console.rollouts.asked import Event
from roadbed.console.rollouts.wording import phase_words, weight_words
from roadbed.rollouts.assignment import BUCKETS

HEIGHT = 96
_AFTER = 0.05
"""How much of the picture shows the end of one that is over."""
_ROOM_US = 480_000_000
"""Less time than that has no minutes to mark between its ends."""
_DAY_US = 86_400_000_000
_LABEL = 6.0
"""A part narrower than this many per cent has no room for its label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One stretch with the same weight and phase; `label` is empty without room."""

    x: float
    width: float
    y: float
    height: float
    look: str
    label: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The parts in order, and the times under them."""

    parts: tuple[Part, ...]
    ticks: tuple[int, ...]
    clock: bool
    words: str
    height: int = HEIGHT


LOOKS = {
    "canary": "grows",
    "soaking": "grows",
    "promoted": "grows",
    "paused": "waits",
    "inconclusive": "waits",
    "rolling_back": "back",
    "rolled_back": "back",
}
"""How a phase looks; any other one is quiet."""


def strip(events: Sequence[Event]) -> Strip | None:
    """Return the strip of *events*, the oldest first.

    None if no time passed, or if nobody ever got the newer version.
    """
    start, end = (events[0].at_us, _end(events)) if events else (0, 0)
    if end <= start or not any(event.weight for event in events):
        return None
    span = end - start
    ticks = _intervals(span)
    edges = [event.at_us for event in events] + [end]
    parts = tuple(
        _part(event, 100 * (edge - start) / span, 100 * (after - edge) / span)
        for event, edge, after in zip(events, edges, edges[1:], strict=False)
    )
    return Strip(
        parts=parts,
        ticks=tuple(start + span * n // ticks for n in range(ticks + 1)),
        clock=span < 2 * _DAY_US,
        words="; ".join(part.words for part in parts),
    )


def _intervals(span: int) -> int:
    """Return between how many times under the picture there is a difference."""
    if span < 2 * _DAY_US:
        return 4 if span >= _ROOM_US else 1
    return min(4, span // _DAY_US)


def _end(events: Sequence[Event]) -> int:
    """Return where the picture ends; what is over stands for a while more."""
    last = events[-1]
    end = last.at_us + last.lasted_us
    passed = end - events[0].at_us
    return end if last.lasted_us else end + int(passed * _AFTER)


def _part(event: Event, x: float, width: float) -> Part:
    tall = event.weight / BUCKETS * HEIGHT
    words = f"{phase_words(event.phase)} at {weight_words(event.weight)}"
    return Part(
        x=round(x, 3),
        width=round(width, 3),
        y=round(HEIGHT - tall, 2),
        height=round(tall, 2),
        look=LOOKS.get(event.phase, "quiet"),
        label=weight_words(event.weight) if width >= _LABEL else "",
        words=words,
    )
