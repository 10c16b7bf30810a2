"""The geometry of intervals under one another: a dot, and a line through it. Pure.

Positions are per cent of the width. All rows of a picture have one scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.console.assays.asked import Score
from roadbed.console.words import amount, signed

_STEPS = (1, 2, 2.5, 5, 10)
_MARGIN = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One row: where the value is, and where its interval begins and ends."""

    x: float | None
    left: float | None
    right: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """The rows, in the order of the scores, and the ticks that they share.

    `zero` is where no difference is, None where the scale is one of scores. `mark` is
    where a bar stands.
    """

    rows: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None = None
    mark: float | None = None


def forest(
    scores: Sequence[Score], *, differences: bool = False, mark: float | None = None
) -> Forest:
    """Return the picture of *scores*; of *differences* it has a line at 0."""
    ends = [
        end
        for score in scores
        for end in (score.low, score.value, score.high)
        if end is not None and math.isfinite(end)
    ]
    ends += [mark] if mark is not None else []
    ends += [0.0] if differences else []
    ticks = _ticks(min(ends, default=0.0), max(ends, default=1.0))
    least, most = min(ticks[0], *ends, 0.0 if not ends else ends[0]), ticks[-1]
    most = max([most, *ends])

    def at(value: float | None) -> float | None:
        if value is None or not math.isfinite(value):
            return None
        inside = (value - least) / ((most - least) or 1.0)
        return round(_MARGIN + inside * (100 - 2 * _MARGIN), 2)

    written = signed if differences else amount
    return Forest(
        rows=tuple(
            Dot(x=at(s.value), left=at(s.low), right=at(s.high)) for s in scores
        ),
        ticks=tuple((at(tick) or 0.0, written(tick)) for tick in ticks),
        zero=at(0.0) if differences else None,
        mark=at(mark),
    )


def _ticks(least: float, most: float) -> list[float]:
    """Return 3 to 5 round numbers, from at most *least* to at least *most*."""
    if most <= least:
        least, most = least - 0.5 * (abs(least) or 1), most + 0.5 * (abs(most) or 1)
    raw = (most - least) / 4
    size = 10 ** math.floor(math.log10(raw))
    step = next(each * size for each in _STEPS if each * size >= raw)
    start = math.floor(least / step + 1e-9)
    end = math.ceil(most / step - 1e-9)
    return [round(n * step, 12) for n in range(start, end + 1)]
