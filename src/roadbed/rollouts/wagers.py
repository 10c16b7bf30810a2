"""A bet against a claim, on a grid of alternatives: evidence that may be watched.

If the claim is true, the bet's value exceeds 1/alpha at any time, ever, with a
probability of alpha at most (Ville's inequality). So it may be looked at as often as
one likes. The bet is spread evenly over several alternatives; each stake grows with
the likelihood of what was seen under its alternative, against that under the claim.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wager:
    """How much each stake has grown so far, as logarithms; nothing yet if empty."""

    logs: tuple[float, ...] = ()

    def after(self, gains: Sequence[float]) -> "Wager":
        """Return the bet after one more look, in which the stakes grew by *gains*."""
        if not self.logs:
            return Wager(tuple(gains))
        return Wager(tuple(a + b for a, b in zip(self.logs, gains, strict=True)))

    @property
    def log_value(self) -> float:
        """Return the logarithm of what the bet is worth; it began at 0."""
        if not self.logs:
            return 0.0
        top = max(self.logs)
        total = sum(math.exp(log - top) for log in self.logs)
        return top + math.log(total / len(self.logs))

    @property
    def value(self) -> float:
        """Return what the bet is worth, from 1; infinity beyond what a float holds."""
        return math.exp(self.log_value) if self.log_value < 700 else math.inf

    def refutes(self, alpha: float) -> bool:
        """Say whether the claim is refuted; wrongly in *alpha* of all cases at most."""
        return self.log_value >= -math.log(alpha)
