"""The geometry of quality over time: dots with their intervals, as plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.evals.quality import Quality

HEIGHT = 140
_PAD = 6
SHADES = 4
"""So many versions have a shape of their own; the rest share the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One step: `x` in per cent, the others in pixels; the interval may be unknown."""

    x: float
    y: float
    low_y: float | None
    high_y: float | None
    shade: int
    step: Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One grader's quality over time. `top` and `bottom` are the ends of its scale."""

    grader: str
    versions: tuple[str, ...]
    top: float
    bottom: float
    dots: tuple[Dot, ...]
    words: str
    height: int = HEIGHT


def charts(steps: Sequence[Quality], span: tuple[int, int]) -> list[Chart]:
    """Return a chart for each grader, of the steps that have a value."""
    graders = sorted({each.title for each in steps})
    known = [each for each in steps if each.estimate.value is not None]
    found = ([s for s in known if s.title == grader] for grader in graders)
    return [_chart(some, span) for some in found if some]


def _chart(steps: Sequence[Quality], span: tuple[int, int]) -> Chart:
    versions = tuple(sorted({each.model for each in steps}))
    bottom, top = _scale(steps)
    shades = {name: min(at, SHADES - 1) for at, name in enumerate(versions)}

    def y(value: float) -> float:
        share = (top - min(top, max(bottom, value))) / (top - bottom)
        return round(_PAD + share * (HEIGHT - 2 * _PAD), 2)

    dots: list[Dot] = []
    for step in steps:
        known = step.estimate
        assert known.value is not None
        middle = (step.since_us + step.until_us) / 2
        x = 100 * (middle - span[0]) / max(1, span[1] - span[0])
        dots.append(
            Dot(
                x=round(min(99.0, max(1.0, x)), 3),
                y=y(known.value),
                low_y=None if known.low is None else y(known.low),
                high_y=None if known.high is None else y(known.high),
                shade=shades[step.model],
                step=step,
            )
        )
    return Chart(
        grader=steps[0].title,
        versions=versions,
        top=top,
        bottom=bottom,
        dots=tuple(dots),
        words=_words(steps),
    )


def _scale(steps: Sequence[Quality]) -> tuple[float, float]:
    """Return the ends of the scale: 0 and 1 where they fit, else what there is."""
    ends = [e for s in steps for e in _ends(s)]
    least, most = min(ends), max(ends)
    if least >= 0 and most <= 1:
        return 0.0, 1.0
    room = (most - least) * 0.05 or abs(most) or 1.0
    return least - room, most + room


def _ends(step: Quality) -> list[float]:
    known = step.estimate
    return [e for e in (known.low, known.value, known.high) if e is not None]


def _words(steps: Sequence[Quality]) -> str:
    values = [s.estimate.value for s in steps if s.estimate.value is not None]
    last = steps[-1]
    return (
        f"between {min(values):.3f} and {max(values):.3f}, "
        f"at last {last.estimate.value:.3f} of {last.model}"
    )
