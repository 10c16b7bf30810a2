"""Did the arms get the shares of units that they were meant to? Asked before all else.

If not, something loses or moves units on the way, and nothing that is compared
between the arms can be believed.
"""

import math

from roadbed.core.errors import Invalid
from roadbed.rollouts.assignment import BUCKETS
from roadbed.rollouts.wagers import Wager

ALPHA = 0.001
TILTS = (0.5, 0.7, 0.85, 0.95, 1.05, 1.15, 1.4, 2.0)
"""How many times the intended odds the alternatives are."""


def counted(before: Wager, weight: int, old: int, new: int) -> Wager:
    """Return the bet against the shares, after *old* and *new* more units came.

    *weight* of 10,000 were meant for the newer version. Where all units, or none, are
    meant for it, there is nothing to compare.
    """
    if not 0 <= weight <= BUCKETS or min(old, new) < 0:
        raise Invalid("there are no such shares or counts")
    if weight in (0, BUCKETS) or not old + new:
        return before
    share = weight / BUCKETS
    gains = []
    for tilt in TILTS:
        total = 1 - share + tilt * share
        gains.append(new * math.log(tilt) - (old + new) * math.log(total))
    return before.after(gains)
