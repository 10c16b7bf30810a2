"""Plots as SVG: lines, points and limits on axes that fit them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 92, 12, 34
_STEPS = (1, 2, 5)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points with a name; joined by a line unless they are `dots`."""

    name: str
    points: Sequence[Point]
    dots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A promise: a horizontal line at `at`."""

    name: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What to draw: `title` is also read out; heights are logarithmic if `log`."""

    title: str
    across: str
    up: str
    series: Sequence[Series]
    limits: Sequence[Limit] = ()
    log: bool = False


def draw(plot: Plot) -> str:
    """Return *plot* as an SVG element. What is not finite is left out."""
    points = [p for s in plot.series for p in s.points if all(map(math.isfinite, p))]
    if not points:
        return ""
    xs = _Axis([x for x, _ in points], _LEFT, WIDTH - _RIGHT)
    ys_shown = [y for _, y in points] + [limit.at for limit in plot.limits]
    ys = _Axis(ys_shown, HEIGHT - _BOTTOM, _TOP, log=plot.log)
    parts = [_grid(xs, ys), *(_limit(limit, ys) for limit in plot.limits)]
    parts += [_series(at, s, xs, ys) for at, s in enumerate(plot.series)]
    parts.append(_text(WIDTH - _RIGHT, HEIGHT - 4, plot.across, "end"))
    parts.append(_text(_LEFT, _TOP - 2, plot.up, "start"))
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
    label = f'role="img" aria-label="{_safe(plot.title)}"'
    return f"<svg {box} {label}>{''.join(parts)}</svg>"


class _Axis:
    """Maps values to pixels, from nought, or from the smallest where it is `log`."""

    def __init__(
        self, values: Sequence[float], start: float, end: float, *, log: bool = False
    ) -> None:
        positive = [v for v in values if v > 0] or [1.0]
        self.log = log and max(positive) / min(positive) > 20
        self.low = min(positive) * 0.8 if self.log else 0.0
        self.high = max(positive) * (1.25 if self.log else 1.05)
        self._start, self._length = start, end - start

    def at(self, value: float) -> float:
        """Return where *value* is, in pixels."""
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self._start + share * self._length, 1)

    def ticks(self) -> list[float]:
        """Return round values along the axis."""
        if self.log:
            first = math.floor(math.log10(self.low))
            last = math.ceil(math.log10(self.high))
            found = [s * 10.0**e for e in range(first, last + 1) for s in _STEPS]
            return [v for v in found if self.low <= v <= self.high]
        rough = self.high / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(s * unit for s in (*_STEPS, 10) if s * unit >= rough)
        return [step * n for n in range(int(self.high / step) + 1)]


def _grid(xs: _Axis, ys: _Axis) -> str:
    found = []
    for value in ys.ticks():
        y = ys.at(value)
        found.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        )
        found.append(_text(_LEFT - 6, y + 4, _number(value), "end"))
    for value in xs.ticks():
        found.append(_text(xs.at(value), HEIGHT - 18, _number(value), "middle"))
    return "".join(found)


def _limit(limit: Limit, ys: _Axis) -> str:
    y = ys.at(limit.at)
    line = f'<line class="limit" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
    return line + _text(WIDTH - 2, y - 4, limit.name, "end", "promise")


def _series(at: int, series: Series, xs: _Axis, ys: _Axis) -> str:
    known = [(xs.at(x), ys.at(y)) for x, y in series.points if math.isfinite(y)]
    if not known:
        return ""
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.4"/>' for x, y in known)
    if series.dots:
        return f'<g class="s{at}">{dots}</g>'
    path = " ".join(f"{x},{y}" for x, y in known)
    x, y = known[-1]
    name = _text(x + 6, y + 4, series.name, "start")
    return f'<g class="s{at}"><polyline points="{path}"/>{dots}{name}</g>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "label") -> str:
    place = f'class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}"'
    return f"<text {place}>{_safe(text)}</text>"


def _number(value: float) -> str:
    return f"{value:g}" if value < 10_000 else f"{value / 1000:g}k"


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
