"""Two versions on the same cases, right or wrong: only where they differ counts."""

from math import sqrt
from typing import Any


def mcnemar(gained: float, lost: float) -> float:
    """Return McNemar's mid-p value: *gained* and *lost* count the cases that differ.

    Fagerland, Lydersen and Laake (2013) recommend it: the exact test errs on the side
    of silence. 1.0 if no case differs.
    """
    from scipy.stats import binom

    total, less = round(gained + lost), round(min(gained, lost))
    if 2 * less == total:
        return 1.0
    twice = 2 * binom.cdf(less, total, 0.5) - binom.pmf(less, total, 0.5)
    return float(min(1.0, twice))


def tango(
    gained: float, lost: float, n: float, alpha: float = 0.05
) -> tuple[float, float]:
    """Return Tango's score interval for the difference of two paired shares.

    Of *n* cases the second version *gained* some and *lost* others. Numbers need not
    be whole: for differences from -1 to 1, the sums of the positive and of the negative
    ones make an interval that is rather too wide. Tango (1998).
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z = float(-ndtri(alpha / 2))
    centre = (gained - lost) / n

    def above(guess: float) -> float:
        return _score(guess, gained, lost, n) - z

    def below(guess: float) -> float:
        return _score(guess, gained, lost, n) + z

    least, most = -1 + 1e-12, 1 - 1e-12
    low: Any = -1.0
    if centre > least and above(least) > 0:
        low = brentq(above, least, centre)
    high: Any = 1.0
    if centre < most and below(most) < 0:
        high = brentq(below, centre, most)
    return float(low), float(high)


def _score(guess: float, gained: float, lost: float, n: float) -> float:
    """Return how many standard errors the difference is above *guess*."""
    apart = gained - lost - n * guess
    if not apart:
        return 0.0
    share = _lost_share(guess, gained, lost, n)
    variance = n * (2 * share + guess * (1 - guess))
    return apart / sqrt(max(variance, 1e-300))


def _lost_share(guess: float, gained: float, lost: float, n: float) -> float:
    """Return the likeliest share of lost cases if the difference were *guess*."""
    b = (2 * n - gained + lost) * guess - gained - lost
    inside = b * b + 8 * n * lost * guess * (1 - guess)
    return max((sqrt(max(inside, 0.0)) - b) / (4 * n), 0.0)
