"""What a rollout can see at all, and when: printed before anything starts."""

import math

from roadbed.core.errors import Invalid
from roadbed.rollouts.harm import WORSE

_STEPS = 60


def detectable(rate: float, old: float, new: float, alpha: float) -> float | None:
    """Return the lowest rate of the newer version that is found out, at a fair chance.

    *rate* is that of the older one; *old* and *new* are how many units each will have.
    None if not even a version that is always bad would be found out.
    """
    if not 0 < rate < 1:
        raise Invalid("a rate is more than 0 and less than 1")
    if _growth(rate, 1 - 1e-9, old, new) < _needed(alpha):
        return None
    low, high = rate, 1 - 1e-9
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _growth(rate, middle, old, new) < _needed(alpha):
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


def _growth(rate: float, worse: float, old: float, new: float) -> float:
    """Return how much the best stake grows: the divergence from no difference."""
    share = new / (old + new)
    both = (1 - share) * rate + share * worse
    return old * _divergence(rate, both) + new * _divergence(worse, both)


def _divergence(one: float, other: float) -> float:
    total = 0.0
    for p, q in ((one, other), (1 - one, 1 - other)):
        if p > 0:
            total += p * math.log(p / q)
    return total
