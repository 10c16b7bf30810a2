"""How much do two versions differ in a number, such as cost? Safe to watch.

The interval holds at all times at once, with a probability of 1 - alpha at least once
there are some dozen units (asymptotically): Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas (2024), Time-uniform central limit theory and asymptotic confidence sequences.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Numbers:
    """A sample: how many, their mean, and the sum of squares around it."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def __add__(self, other: "Numbers") -> "Numbers":
        """Return both samples as one (Chan, Golub and LeVeque, 1979)."""
        n = self.n + other.n
        if not n:
            return self
        apart = other.mean - self.mean
        return Numbers(
            n,
            self.mean + apart * other.n / n,
            self.squares + other.squares + apart * apart * self.n * other.n / n,
        )

    @classmethod
    def of(cls, *values: float) -> "Numbers":
        """Return the sample with these values."""
        if not values:
            return cls()
        mean = math.fsum(values) / len(values)
        return cls(len(values), mean, math.fsum((v - mean) ** 2 for v in values))

    @property
    def variance(self) -> float | None:
        """Return the variance of what the sample came from, None of fewer than two."""
        return self.squares / (self.n - 1) if self.n > 1 else None


@dataclass(frozen=True, slots=True)
class Apart:
    """Newer less older: an estimate, and the bounds that hold at all times."""

    value: float
    low: float
    high: float


def apart(old: Numbers, new: Numbers, alpha: float, scale: float) -> Apart | None:
    """Return how much higher *new* is than *old*; None while too little was seen.

    *scale* is a difference that would matter, above 0: the interval is narrowest about
    when it is as wide as that.
    """
    if old.variance is None or new.variance is None:
        return None
    spread = old.variance / old.n + new.variance / new.n
    value = new.mean - old.mean
    if spread == 0:
        return None  # All alike so far: of how far others may be off, it says nothing.
    seen = 1 / spread
    tuned = _tuning(alpha, 4 / scale**2)
    inner = seen * tuned + 1
    reach = math.sqrt(
        2 * inner / (seen**2 * tuned) * math.log(math.sqrt(inner) / alpha)
    )
    return Apart(value, value - reach, value + reach)


def off(old: Numbers, new: Numbers, alpha: float, scale: float) -> Apart | None:
    """Return how far *new* is from *old* either way, in standard deviations of *old*.

    None while too little was seen, or the older version always says the same.
    """
    if not old.variance:
        return None
    deviation = math.sqrt(old.variance)
    known = apart(old, new, alpha, scale * deviation)
    if known is None:
        return None
    low, high = known.low / deviation, known.high / deviation
    return Apart(abs(known.value) / deviation, max(low, -high, 0.0), max(-low, high))


def _tuning(alpha: float, target: float) -> float:
    """Return the variance of the mixture that is best at a *target* of information."""
    log = -2 * math.log(alpha)
    return (log + math.log(log + 1)) / target
