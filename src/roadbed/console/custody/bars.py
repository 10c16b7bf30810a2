"""The geometry of histograms: how a column is distributed on two sides. Pure.

Positions are per cent of the width, heights are pixels. A bar is as tall as the share
of its side's rows, so that sides of any size can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from roadbed.console.words import amount
from roadbed.data.diff import ColumnDiff
from roadbed.ports.tables import Bins, Profile

HEIGHT = 96
_AIR = 0.12
_WORD = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a bin: how many rows, their share of the side, and its bar."""

    count: int
    share: float
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """What is in one bin, on both sides; a side without the column is None."""

    label: str
    left: Side | None
    right: Side | None
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """The distribution of one column; `ordered` if the bins lie along a line."""

    name: str
    bins: tuple[Bin, ...]
    ordered: bool
    words: str
    height: int = HEIGHT


def histogram(column: ColumnDiff) -> Histogram:
    """Return the histogram of *column*: equal bars of numbers, else each value."""
    numbers = bool(column.bars_left or column.bars_right)
    left, right = (
        (column.bars_left, column.bars_right)
        if numbers
        else (column.bins_left, column.bins_right)
    )
    profiles = (column.left, column.right)
    labels = _labels(left or right, numbers=numbers)
    counts = [_counts(*side) for side in zip((left, right), profiles, strict=True)]
    every = [*labels, "missing"]
    seldom = {len(labels)} if numbers else {len(labels), len(labels) - 1}
    kept = [
        at
        for at in range(len(every))
        if at not in seldom or any(side and side[at] for side in counts)
    ]
    names = [every[at] for at in kept]
    told = [None if side is None else [side[at] for at in kept] for side in counts]
    gone = bool(kept) and kept[-1] == len(labels)
    bins = _bins(names, told, profiles, missing=gone)
    return Histogram(
        name=column.name,
        bins=bins,
        ordered=numbers,
        words=_words(column, bins),
    )


def _labels(bins: Bins | None, *, numbers: bool) -> list[str]:
    if bins is None:
        return []
    if not numbers:
        return [*(_word(edge) for edge in bins.edges), "others"]
    edges = [amount(float(edge)) for edge in bins.edges]
    between = [f"{a} to {b}" for a, b in pairwise(edges)]
    return [f"up to {edges[0]}", *between, f"above {edges[-1]}"] if edges else ["all"]


def _word(edge: Any) -> str:
    text = str(edge) or "(empty)"
    return text if len(text) <= _WORD else text[: _WORD - 1] + "…"


def _counts(bins: Bins | None, profile: Profile | None) -> list[int] | None:
    """Return the counts of a side, the missing last; None if it has no such column."""
    if profile is None:
        return None
    return [*(bins.counts if bins else ()), profile.nulls]


def _bins(
    names: Sequence[str],
    counts: Sequence[list[int] | None],
    profiles: Sequence[Profile | None],
    *,
    missing: bool,
) -> tuple[Bin, ...]:
    rows = [max(1, profile.rows) if profile else 1 for profile in profiles]
    sides = [
        None if side is None else [count / total for count in side]
        for side, total in zip(counts, rows, strict=True)
    ]
    top = max((share for side in sides for share in side or ()), default=0.0) or 1.0
    step = 100 / max(1, len(names))

    def side(which: int, at: int) -> Side | None:
        count, share = counts[which], sides[which]
        if count is None or share is None or at >= len(count):
            return None
        tall = max(1.0, share[at] / top * HEIGHT) if count[at] else 0.0
        half = step * (1 - 2 * _AIR) / 2
        return Side(
            count=count[at],
            share=share[at],
            x=round(at * step + step * _AIR + which * half, 3),
            width=round(half, 3),
            y=round(HEIGHT - tall, 2),
            height=round(tall, 2),
        )

    last = len(names) - 1
    return tuple(
        Bin(label=n, left=side(0, i), right=side(1, i), missing=missing and i == last)
        for i, n in enumerate(names)
    )


def _words(column: ColumnDiff, bins: Sequence[Bin]) -> str:
    moved = [(abs(b.right.share - b.left.share), b) for b in bins if b.left and b.right]
    told = f"{column.name}: distance {column.distance:.3f}"
    if not moved:
        return f"{told}, on one side only"
    size, most = max(moved, key=lambda each: each[0])
    if not size or not most.left or not most.right:
        return f"{told}, the same shares"
    before, after = f"{most.left.share:.1%}", f"{most.right.share:.1%}"
    return f"{told}; most moved {most.label}, from {before} to {after}"
