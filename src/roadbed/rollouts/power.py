"""What a rollout can see at all, and when: printed before anything starts."""

import math

from roadbed.core.errors import Invalid
from roadbed.rollouts.harm import WORSE

_STEPS = 60
_LEAST = -30.0
"""The lowest logarithm of odds that is looked at."""


def detectable(
    rate: float, old: float, new: float, alpha: float, tolerated: float = 1.0
) -> float | None:
    """Return the lowest rate of the newer version that is found out, at a fair chance.

    *rate* is that of the older one; *old* and *new* are how many units each will have;
    up to *tolerated* times the odds are no reason to go back. None if not even a
    version that is always bad would be found out.
    """
    if not 0 < rate < 1:
        raise Invalid("a rate is more than 0 and less than 1")
    if not old or not new:
        return None
    if _growth(rate, 1 - 1e-9, old, new, tolerated) < _needed(alpha):
        return None
    low, high = _times(rate, tolerated), 1 - 1e-9
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _growth(rate, middle, old, new, tolerated) < _needed(alpha):
            low = middle
        else:
            high = middle
    return high


def units_needed(rate: float, worse: float, share: float, alpha: float) -> float:
    """Return how many units of both arms it takes to find out a rate of *worse*.

    *share* is that of the newer version among all units, more than 0 and less than 1.
    """
    if not rate < worse:
        raise Invalid("what is not worse is never found out to be")
    return _needed(alpha) / _growth(rate, worse, 1 - share, share)


def _needed(alpha: float) -> float:
    """Return how far the bet has to grow: the price of its spread included."""
    return math.log(1 / alpha) + math.log(len(WORSE))


def _growth(
    rate: float, worse: float, old: float, new: float, tolerated: float = 1.0
) -> float:
    """Return how much the best stake grows: the divergence from what is tolerated."""

    def apart(of_old: float) -> float:
        of_new = _times(of_old, tolerated)
        return old * _divergence(rate, of_old) + new * _divergence(worse, of_new)

    if tolerated == 1:
        share = new / (old + new)
        return apart((1 - share) * rate + share * worse)
    low, high = _LEAST, -_LEAST
    for _ in range(_STEPS):
        third = (high - low) / 3
        if apart(_logistic(low + third)) < apart(_logistic(high - third)):
            high -= third
        else:
            low += third
    return apart(_logistic((low + high) / 2))


def _times(rate: float, times: float) -> float:
    """Return the rate whose odds are so many *times* those of *rate*."""
    return rate * times / (1 - rate + rate * times)


def _logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _divergence(one: float, other: float) -> float:
    total = 0.0
    for p, q in ((one, other), (1 - one, 1 - other)):
        if p > 0:
            total += p * math.log(p / q)
    return total
