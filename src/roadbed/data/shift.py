"""How far the values of two versions of a table lie apart, column by column.

`moved` is a share between 0 and 1: of how many values at least it must be said that
they changed, judged by where they lie (total variation over bins). Rows that trade
places move nothing; if both have as many rows in the same order, cells are compared
one by one as well, so that a relabelling is seen though the labels are as frequent.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    moved = (
        _distance(_binned(left, left), _binned(left, right))
        if numeric
        else (_distance(Counter(map(_text, left)), Counter(map(_text, right))))
    )
    if aligned:
        moved = max(moved, _changed(left, right))
    return Shift(column=name, moved=moved, told=_told(left, right, numeric))


def _distance(left: Mapping[Any, int], right: Mapping[Any, int]) -> float:
    """Return the total variation between two counts: 0 if alike, 1 if disjoint."""
    n, m = sum(left.values()) or 1, sum(right.values()) or 1
    keys = {*left, *right}
    apart = sum(abs(left.get(k, 0) / n - right.get(k, 0) / m) for k in keys) / 2
    return min(apart, 1.0)


def _binned(by: Sequence[Any], values: Sequence[Any]) -> Counter[int]:
    """Count *values* in bins that hold as many of *by* each; missing ones apart."""
    known = sorted(v for v in by if not _missing(v))
    step = max(len(known) // BINS, 1)
    cuts = sorted(set(known[step::step]))
    if len(set(known)) <= BINS:
        cuts = sorted(set(known))
    return Counter(-1 if _missing(v) else _bin(cuts, v) for v in values)


def _bin(cuts: Sequence[Any], value: Any) -> int:
    at = bisect_right(cuts, value)
    exact = bool(at) and cuts[at - 1] == value
    return 2 * at + (1 if exact else 0) if len(cuts) <= BINS else at


def _changed(left: Sequence[Any], right: Sequence[Any]) -> float:
    pairs = zip(left, right, strict=True)
    differing = sum(1 for a, b in pairs if a != b and _text(a) != _text(b))
    return differing / (len(left) or 1)


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
    known = [float(v) for v in values if not _missing(v)]
    return math.fsum(known) / len(known) if known else math.nan


def _numeric(values: Sequence[Any]) -> bool:
    return all(
        isinstance(v, int | float) and not isinstance(v, bool)
        for v in values
        if v is not None
    )


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> str:
    return "" if _missing(value) else repr(value)
