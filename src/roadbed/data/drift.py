"""How far two distributions are apart, as one number.

PSI, the population stability index: over all bins the sum of (q - p) * ln(q / p),
where p and q are the shares of the bin on the left and right. Below 0.1 little
moved, above 0.25 much did. An empty bin counts as half a value of the smaller side.
"""

from collections.abc import Sequence
from math import log


def psi(left: Sequence[int], right: Sequence[int]) -> float:
    """Return the PSI between the counts of the same bins; 0 if a side has nothing."""
    totals = sum(left), sum(right)
    pairs = zip((left, right), totals, strict=True)
    if not all(totals):
        return 0.0
    least = 0.5 / min(totals)
    sides = ([max(n / total, least) for n in side] for side, total in pairs)
    shares = zip(*sides, strict=True)
    return sum((q - p) * log(q / p) for p, q in shares)
