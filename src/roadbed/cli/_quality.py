"""How `roadbed quality` shows what it found."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.control.quality import EndpointQuality
    from roadbed.evals.quality import Estimate


def rows(found: "EndpointQuality", *, steps: bool) -> Iterator[tuple[object, ...]]:
    """Yield what was found as rows for people, in its steps or as a whole."""
    from roadbed.core.clock import to_text

    for each in found.steps if steps else found.whole:
        known = each.estimate
        row = (
            each.title,
            each.model,
            value(known),
            interval(known),
            known.n,
            known.missing,
        )
        yield (*row, to_text(each.since_us)[:16]) if steps else row


def gap_rows(found: "EndpointQuality") -> Iterator[tuple[object, ...]]:
    """Yield how production differs from the newest reports, as rows for people."""
    for each in found.gaps:
        known = each.gap
        yield (
            each.title,
            each.model,
            *(value(e) for e in (each.offline, each.online)),
            "-" if known.value is None else f"{known.value:+.3f}",
            interval(known, "+"),
            each.report.removeprefix("sha256:")[:12],
        )


def value(known: "Estimate") -> str:
    """Return the value in words."""
    return "-" if known.value is None else f"{known.value:.3f}"


def interval(known: "Estimate", sign: str = "") -> str:
    """Return the interval in words, or that too little is known."""
    if known.low is None or known.high is None:
        return "not known"
    return f"{known.low:{sign}.3f} to {known.high:{sign}.3f}"
