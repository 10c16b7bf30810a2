"""The geometry of a guardrail: its interval against its margin, its bet. Pure.

Positions are per cent of the width.
"""

import math
from dataclasses import dataclass

from roadbed.rollouts.shown import Tile

_EDGE = 3.0
_FAR = 5.0
"""How many margins away from zero the picture reaches at most."""
_FLOOR = 0.1
"""Bets that are worth less stand at the left end."""
_BEYOND = 4.0
"""How many times the limit the picture reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """An interval: `zero` is no difference, from `margin` on it would matter.

    `left` and `right` are the ends of the interval, at an edge of the picture if they
    are beyond; `cut_left` and `cut_right` say so. `bad_x` and `bad_width` are where a
    difference is too much.
    """

    zero: float
    margin: float
    bad_x: float
    bad_width: float
    x: float | None = None
    left: float | None = None
    right: float | None = None
    cut_left: bool = False
    cut_right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bet:
    """A bet on a logarithmic scale: it began at `one`, is at `x`, and ends at `limit`.

    `from_x` and `width` are the bar between where it began and where it is.
    """

    one: float
    x: float
    limit: float
    from_x: float
    width: float
    ticks: tuple[tuple[float, str], ...]


def gauge(tile: Tile) -> Gauge:
    """Return the picture of the interval of *tile*."""
    sign = -1.0 if tile.better == "higher" else 1.0
    ends = [abs(end) for end in (tile.low, tile.high) if end is not None]
    wide = min(_FAR * tile.margin, 1.1 * max(ends, default=0.0))
    reach = max(2 * tile.margin, wide, 1.25 * abs(tile.difference or 0.0))

    def at(value: float | None) -> float | None:
        if value is None or math.isnan(value):
            return None
        inside = (min(reach, max(-reach, value)) + reach) / (2 * reach)
        return round(_EDGE + inside * (100 - 2 * _EDGE), 2)

    margin = at(sign * tile.margin) or 0.0
    return Gauge(
        zero=at(0.0) or 0.0,
        margin=margin,
        bad_x=margin if sign > 0 else 0.0,
        bad_width=round(100 - margin if sign > 0 else margin, 2),
        x=at(tile.difference),
        left=at(tile.low),
        right=at(tile.high),
        cut_left=tile.low is not None and tile.low < -reach,
        cut_right=tile.high is not None and tile.high > reach,
    )


def bet(value: float, limit: float) -> Bet:
    """Return the picture of a bet that is worth *value* and settled at *limit*."""
    low, high = math.log(_FLOOR), math.log(limit * _BEYOND)

    def at(worth: float) -> float:
        log = math.log(worth) if worth > 0 else low
        inside = (min(high, max(low, log)) - low) / (high - low)
        return round(_EDGE + inside * (100 - 2 * _EDGE), 2)

    here, one = at(value), at(1.0)
    tens = [10.0**n for n in range(-1, 8)]
    shown = [each for each in tens if each * 1.9 < limit]
    return Bet(
        one=one,
        x=here,
        limit=at(limit),
        from_x=min(here, one),
        width=round(abs(here - one), 2),
        ticks=(
            *((at(each), f"{each:,g}") for each in shown),
            (at(limit), f"{limit:,g}"),
        ),
    )
