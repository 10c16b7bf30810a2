"""The geometry of line plots: values over steps, as points of a picture. Pure.

A picture is 1000 wide, whatever its place: the page stretches it, not the strokes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from roadbed.console.words import amount, plural

ACROSS = 1000.0
HEIGHT = 140
MOST = 8
"""As many curves as can be told apart in one plot."""
_MARGIN = 6.0

Value = tuple[float, float]
"""A step, and the value there; NaN and infinities leave a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one curve shows, in the order of its steps."""

    label: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One curve in pieces between its gaps; `look` is its colour and its dashes."""

    label: str
    look: int
    pieces: tuple[tuple[Value, ...], ...]
    last: str

    @property
    def points(self) -> tuple[str, ...]:
        """Return the pieces as SVG has them; one value alone is a dot."""
        return tuple(
            " ".join(
                f"{x:g},{y:g}" for x, y in (piece * 2 if len(piece) == 1 else piece)
            )
            for piece in self.pieces
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Curves over the same steps, the least and the largest of both, and in words."""

    title: str
    curves: tuple[Curve, ...]
    least: str
    most: str
    first: str
    end: str
    words: str
    height: int = HEIGHT


def plot(title: str, series: Sequence[Series]) -> Plot:
    """Return the plot of at most `MOST` *series*; what has no number has no pieces."""
    drawn = [_finite(each.values) for each in series[:MOST]]
    steps = [x for values in drawn for piece in values for x, _ in piece]
    found = [y for values in drawn for piece in values for _, y in piece]
    across = _Scale.of(steps, 0.0, ACROSS)
    up = _Scale.of(found, HEIGHT - _MARGIN, _MARGIN)
    curves = tuple(
        Curve(
            label=each.label,
            look=look,
            pieces=tuple(
                tuple((across.at(x), up.at(y)) for x, y in piece) for piece in pieces
            ),
            last=_last(each.values),
        )
        for look, (each, pieces) in enumerate(zip(series, drawn, strict=False))
    )
    return Plot(
        title=title,
        curves=curves,
        least=amount(up.least) if found else "",
        most=amount(up.most) if found else "",
        first=amount(across.least) if steps else "",
        end=amount(across.most) if steps else "",
        words=_words(title, series[:MOST]),
    )


def _finite(values: Sequence[Value]) -> list[tuple[Value, ...]]:
    pieces: list[list[Value]] = [[]]
    for x, y in values:
        if math.isfinite(x) and math.isfinite(y):
            pieces[-1].append((x, y))
        else:
            pieces.append([])
    return [tuple(piece) for piece in pieces if piece]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps what is between *least* and *most* to between *start* and *end*."""

    least: float
    most: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> "_Scale":
        return cls(min(values, default=0.0), max(values, default=0.0), start, end)

    def at(self, value: float) -> float:
        # Halves, so that no difference of large numbers leaves the range of floats.
        span = self.most / 2 - self.least / 2
        share = (value / 2 - self.least / 2) / span if span else 0.5
        return round(self.start + (self.end - self.start) * share, 2)


def _last(values: Sequence[Value]) -> str:
    return amount(values[-1][1]) if values else ""


def _words(title: str, series: Sequence[Series]) -> str:
    told = [
        f"{each.label}: {plural(len(each.values), 'value')}, "
        f"the last {_last(each.values)}"
        for each in series
        if each.values
    ]
    return f"{title}: " + ("; ".join(told) or "no values")
