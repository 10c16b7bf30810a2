"""Is the newer version worse? For what is good or bad of each unit, such as errors.

In one look there are so many units in each arm and so many bad ones among them. Given
how many are bad in all, the number that falls to the newer version follows Fisher's
noncentral hypergeometric distribution, which knows of the two rates only their odds
ratio. So nothing has to be assumed of how high the rates are, nor that they stay the
same from look to look. The claim is that the odds are at most `tolerated` times those
of the older version; by the monotone likelihood ratio the bet is fair or worse under
every such ratio. Fisher, R. A. (1935), The logic of inductive inference; Ville, J.
(1939); Grünwald, de Heide and Koolen (2024), Safe testing.
"""

import math
from dataclasses import dataclass

from roadbed.core.errors import Invalid
from roadbed.rollouts.wagers import Wager

WORSE = (1.0, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0, 16.0)
"""How many times the tolerated odds the alternatives are. What is put on 1.0 is kept
back: the bet errs a third less often for it, and is as quick where it matters."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many units were seen, and how many of them were bad."""

    bad: int
    of: int

    def __post_init__(self) -> None:
        """Refuse what cannot be counted."""
        if not 0 <= self.bad <= self.of:
            raise Invalid(f"{self.bad} bad of {self.of} cannot be")

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.bad + other.bad, self.of + other.of)

    @property
    def rate(self) -> float | None:
        """Return the share of bad ones, None of nothing."""
        return self.bad / self.of if self.of else None


def watched(before: Wager, old: Counts, new: Counts, tolerated: float = 1.0) -> Wager:
    """Return the bet that the newer version is worse, after one more look.

    A look in which one arm saw nothing, or nothing was bad, or all was, says nothing
    about which is worse, and changes nothing.
    """
    bad, seen = old.bad + new.bad, old.of + new.of
    if not old.of or not new.of or bad in (0, seen):
        return before
    weights = _weights(bad, old.of, new.of)
    null = _normaliser(weights, math.log(tolerated))
    gains = []
    for times in WORSE:
        ratio = math.log(tolerated * times)
        gains.append(new.bad * math.log(times) + null - _normaliser(weights, ratio))
    return before.after(gains)


def _weights(bad: int, old: int, new: int) -> list[tuple[int, float]]:
    """Return in how many ways x of the bad ones fall to the newer version, as logs."""
    return [
        (x, _log_choose(new, x) + _log_choose(old, bad - x))
        for x in range(max(0, bad - old), min(bad, new) + 1)
    ]


def _normaliser(weights: list[tuple[int, float]], log_ratio: float) -> float:
    logs = [log + x * log_ratio for x, log in weights]
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
