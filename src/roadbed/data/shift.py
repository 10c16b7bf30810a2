"""How far the values of two versions of a table lie apart, column by column.

`moved` is a share between 0 and 1: of how many values at least it must be said that
they changed, judged by where they lie (total variation over bins). Rows that trade
places move nothing; if both have as many rows in the same order, cells are compared
one by one as well, so that a relabelling is seen though the labels are as frequent.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import ne
from typing import Any

Columns = Mapping[str, Sequence[Any]]
BINS = 20
_IN_ORDER = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How one column moved, and in words from what to what."""

    column: str
    moved: float
    told: str


def shifts(left: Columns, right: Columns) -> tuple[Shift, ...]:
    """Return how each column that both have moved, the furthest first."""
    shared = [name for name in left if name in right]
    aligned = _aligned(left, right, shared)
    found = [_shift(name, left[name], right[name], aligned) for name in shared]
    return tuple(sorted(found, key=lambda s: (-s.moved, s.column)))


def _aligned(left: Columns, right: Columns, shared: Sequence[str]) -> bool:
    """Say whether both hold the same rows in the same order, most of their cells."""
    if not shared or len(left[shared[0]]) != len(right[shared[0]]):
        return False
    same = [_changed(left[name], right[name]) <= _IN_ORDER for name in shared]
    return sum(same) > len(shared) / 2


def _shift(
    name: str, left: Sequence[Any], right: Sequence[Any], aligned: bool
) -> Shift:
    numeric = _numeric(left) and _numeric(right)
    if numeric:
        cuts = _cuts(left)
        moved = _distance(_binned(cuts, left), _binned(cuts, right))
    else:
        moved = _distance(Counter(map(_text, left)), Counter(map(_text, right)))
    if aligned:
        moved = max(moved, _changed(left, right))
    return Shift(column=name, moved=moved, told=_told(left, right, numeric))


def _distance(left: Mapping[Any, int], right: Mapping[Any, int]) -> float:
    """Return the total variation between two counts: 0 if alike, 1 if disjoint."""
    n, m = sum(left.values()) or 1, sum(right.values()) or 1
    keys = {*left, *right}
    apart = sum(abs(left.get(k, 0) / n - right.get(k, 0) / m) for k in keys) / 2
    return min(apart, 1.0)


def _cuts(values: Sequence[Any]) -> list[Any]:
    """Return where bins end that hold as many of *values* each, or each value."""
    known = sorted(_known(values))
    kinds = sorted(set(known))
    if len(kinds) <= BINS:
        return kinds
    step = max(len(known) // BINS, 1)
    return sorted(set(known[step::step]))


def _binned(cuts: Sequence[Any], values: Sequence[Any]) -> dict[int, int]:
    """Count *values* between *cuts*, and on them if these are few; missing apart.

    They are sorted and then looked up by the cuts, which are far fewer.
    """
    known = sorted(_known(values))
    at_least = [0, *(bisect_left(known, cut) for cut in cuts), len(known)]
    if len(cuts) > BINS:
        counts = {at: b - a for at, (a, b) in enumerate(pairwise(at_least))}
    else:
        above = [0, *(bisect_right(known, cut) for cut in cuts)]
        pairs = zip(above, at_least[1:], strict=True)
        counts = {2 * at: last - first for at, (first, last) in enumerate(pairs)}
        ends = zip(at_least[1:], above[1:], strict=False)
        counts |= {2 * at + 1: last - first for at, (first, last) in enumerate(ends)}
    if len(known) < len(values):
        counts[-1] = len(values) - len(known)
    return counts


def _changed(left: Sequence[Any], right: Sequence[Any]) -> float:
    """Return the share of the cells that differ; two missing ones are alike."""
    differing = sum(map(ne, left, right))
    if differing:
        pairs = zip(left, right, strict=True)
        differing -= sum(1 for a, b in pairs if a != b and _missing(a) and _missing(b))
    return differing / (len(left) or 1)


def _known(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if not (value is None or value != value)]


def _told(left: Sequence[Any], right: Sequence[Any], numeric: bool) -> str:
    missing = [
        sum(map(_missing, values)) / (len(values) or 1) for values in (left, right)
    ]
    told = []
    if missing[0] != missing[1]:
        told.append(f"missing {missing[0]:.1%} → {missing[1]:.1%}")
    if numeric:
        means = [_mean(values) for values in (left, right)]
        told.append(f"mean {means[0]:.6g} → {means[1]:.6g}")
    else:
        kinds = [len({_text(v) for v in values}) for values in (left, right)]
        told.append(f"distinct values {kinds[0]} → {kinds[1]}")
    return ", ".join(told)


def _mean(values: Sequence[Any]) -> float:
    known = [float(value) for value in _known(values)]
    return math.fsum(known) / len(known) if known else math.nan


def _numeric(values: Sequence[Any]) -> bool:
    return {type(value) for value in values} <= {int, float, type(None)}


def _missing(value: Any) -> bool:
    return value is None or value != value


def _text(value: Any) -> str:
    return "" if _missing(value) else repr(value)
