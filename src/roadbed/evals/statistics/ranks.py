"""Wilcoxon's signed ranks: whether paired numbers moved, whatever their scale."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from roadbed.core.errors import Invalid

EXACT = 40
"""Up to so many pairs that differ, the distribution is counted out."""


def wilcoxon(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the two-sided p value of the signed-rank test; 1.0 if nothing moved.

    Pairs that do not differ are left out, as Wilcoxon did. Few others are counted out,
    ties included; of many the sum is taken for normal, with the correction for ties.
    """
    import numpy as np

    if len(before) != len(after):
        raise Invalid(f"{len(before)} numbers before and {len(after)} after")
    moved = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    moved = moved[moved != 0]
    if not len(moved):
        return 1.0
    twice = _twice_ranks(abs(moved))
    seen = int(twice[moved > 0].sum())
    if len(moved) > EXACT:
        return _normal(twice, seen)
    chances = _chances(twice)
    less = min(seen, int(twice.sum()) - seen)
    return float(min(1.0, 2 * chances[: less + 1].sum()))


def _twice_ranks(sizes: Any) -> Any:
    """Return the ranks, ties shared, times two, so that they are whole."""
    import numpy as np

    _, place, count = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (2 * last - count + 1)[place]


def _chances(twice: Any) -> Any:
    """Return how likely each sum of ranks is if every sign is a fair coin."""
    import numpy as np

    chances = np.zeros(int(twice.sum()) + 1)
    chances[0] = 1.0
    for rank in twice.tolist():
        moved = np.zeros_like(chances)
        moved[rank:] = chances[: len(chances) - rank]
        chances = (chances + moved) / 2
    return chances


def _normal(twice: Any, seen: int) -> float:
    from scipy.special import ndtr

    middle = float(twice.sum()) / 2
    spread = sqrt(float((twice.astype(float) ** 2).sum())) / 2
    return float(2 * ndtr(-abs(seen - middle) / spread))
