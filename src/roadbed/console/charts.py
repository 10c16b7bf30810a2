"""The geometry of the charts: plain numbers that templates write as SVG.

Horizontal positions are per cent of the chart's width, so that a chart is as wide
as its place and its text keeps its size; vertical ones are pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.console.data import CostPoint, Point
from roadbed.console.words import MINUS, count, duration, plural, usd, value
from roadbed.inference.provider import Contribution, Explanation

_FILL = 0.74
"""The share of its step that a column fills; the rest is air."""
_SHOWN = 12
"""As many features as people compare at a glance; the table has all."""
_BAR_ROOM = 96.0
_SMALLEST = 1e-300
"""Below this a span cannot be divided by; such bars have no length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One step of a series: calls from `y` down, of them errors at the foot."""

    x: float
    width: float
    y: float
    height: float
    error_y: float
    error_height: float
    point: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A column chart, `height` pixels high, whose tallest column is `top` calls."""

    height: int
    top: int
    columns: tuple[Column, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One feature's bar, from the zero line to the left or to the right."""

    label: str
    text: str
    x: float
    width: float
    y: float
    raises: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A chart of contributions with its zero line at `zero` per cent.

    `reference` and `output` have as many decimals as the bars have.
    """

    reference: str
    output: str
    height: float
    zero: float
    bars: tuple[Bar, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostColumn:
    """What one step cost, from `y` down."""

    x: float
    width: float
    y: float
    height: float
    words: str
    point: CostPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CostColumns:
    """A column chart of costs, `height` pixels high; `top` is in billionths."""

    height: int
    top: int
    columns: tuple[CostColumn, ...]
    words: str


def columns(points: Sequence[Point], height: int) -> Columns:
    """Return the column chart of *points*, an error never too small to be seen."""
    top = max((p.calls for p in points), default=0)
    step = 100 / max(1, len(points))
    drawn = tuple(
        _column(point, index * step, step * _FILL, height / max(1, top), height)
        for index, point in enumerate(points)
    )
    return Columns(height=height, top=top, columns=drawn, words=describe(points))


def cost_columns(points: Sequence[CostPoint], height: int) -> CostColumns:
    """Return the column chart of *points*, a cost never too small to be seen."""
    top = max((p.cost_nano for p in points), default=0)
    step = 100 / max(1, len(points))
    drawn: list[CostColumn] = []
    for index, point in enumerate(points):
        tall = max(1.0, point.cost_nano * height / top) if point.cost_nano else 0.0
        drawn.append(
            CostColumn(
                x=round(index * step, 3),
                width=round(step * _FILL, 3),
                y=round(height - tall, 2),
                height=round(tall, 2),
                words=f"{usd(point.cost_nano)}, {plural(point.calls, 'call')}",
                point=point,
            )
        )
    total = sum(p.cost_nano for p in points)
    words = f"{usd(total)} in all, at most {usd(top)}" if total else "nothing spent"
    return CostColumns(height=height, top=top, columns=tuple(drawn), words=words)


def ticks(points: Sequence[Point], number: int = 5) -> list[int]:
    """Return the times under a column chart, evenly from its start to its end."""
    if len(points) < 2:
        return [point.at_us for point in points]
    start = points[0].at_us
    whole = points[-1].at_us + (points[1].at_us - start) - start
    return [start + whole * index // (number - 1) for index in range(number)]


def describe(points: Sequence[Point]) -> str:
    """Return in words what a column chart shows."""
    calls, errors = sum(p.calls for p in points), sum(p.errors for p in points)
    if not calls:
        return "no calls"
    peak = max(p.calls for p in points)
    return f"{plural(calls, 'call')}, {plural(errors, 'error')}, at most {count(peak)}"


def step_words(point: Point) -> str:
    """Return in words what one column shows."""
    p95 = f", p95 {duration(point.p95_us)}" if point.p95_us is not None else ""
    return f"{plural(point.calls, 'call')}, {plural(point.errors, 'error')}{p95}"


def contributions(explanation: Explanation, row: int = 44) -> Bars:
    """Return the chart of *explanation*: the largest first, the small ones summed."""
    ordered = by_size(explanation)
    shown = [(f"{c.feature} = {value(c.value)}", c.amount) for c in ordered[:_SHOWN]]
    if rest := ordered[_SHOWN:]:
        shown.append((f"{len(rest)} others", sum(c.amount for c in rest)))
    digits = _digits(max((abs(a) for _, a in shown), default=0.0))
    left = max((-a for _, a in shown if a < 0), default=0.0)
    right = max((a for _, a in shown if a > 0), default=0.0)
    span = left + right
    scale = _BAR_ROOM / span if _SMALLEST < span < math.inf else 0.0
    zero = (100 - _BAR_ROOM) / 2 + (left * scale if scale else 0.0)
    bars = tuple(
        _bar(label, (amount, f"{amount:+.{digits}f}"), zero, scale, index * row)
        for index, (label, amount) in enumerate(shown)
    )
    words = "; ".join(f"{bar.label}: {bar.text}" for bar in bars)
    return Bars(
        reference=f"{explanation.reference_output:.{digits}f}",
        output=f"{explanation.output:.{digits}f}",
        height=len(bars) * row,
        zero=zero,
        bars=bars,
        words=words,
    )


def by_size(explanation: Explanation) -> list[Contribution]:
    """Return the contributions, the one that moved the output most first."""
    return sorted(explanation.contributions, key=lambda c: -abs(c.amount))


def _column(point: Point, x: float, width: float, scale: float, height: int) -> Column:
    tall = max(1.0, point.calls * scale) if point.calls else 0.0
    wrong = min(tall, max(2.0, point.errors * scale)) if point.errors else 0.0
    return Column(
        x=round(x, 3),
        width=round(width, 3),
        y=round(height - tall, 2),
        height=round(tall - wrong, 2),
        error_y=round(height - wrong, 2),
        error_height=round(wrong, 2),
        point=point,
    )


def _digits(largest: float) -> int:
    """Return how many decimals give the largest amount three digits that matter."""
    if not 0 < largest < math.inf:
        return 0
    return min(12, max(0, 2 - math.floor(math.log10(largest))))


def _bar(
    label: str, moved: tuple[float, str], zero: float, scale: float, y: float
) -> Bar:
    amount, text = moved
    width = abs(amount) * scale if math.isfinite(amount) else 0.0
    return Bar(
        label=label,
        text=text.replace("-", MINUS),
        x=round(zero if amount >= 0 else zero - width, 3),
        width=round(width, 3),
        y=y,
        raises=amount >= 0,
    )
