"""What a load is made of: when calls arrive, how long their questions are.

Arrivals are open-loop: a call is due when it is due, however slow those before it
are, as in life. Latency counts from then, so that a server which makes its callers
queue cannot hide it.
"""

import math
import random
from dataclasses import dataclass

_TEXT = (
    "please explain why the shipment of the order was late and what happens next "
    "with the refund the customer asked for on Monday because the parcel is lost "
    "while the invoice says that it was paid in full under the terms of the contract"
)
_WORDS = _TEXT.split()
_TOKENS_PER_WORD = 1.3
_SIGMA = 0.9
"""Spread of the lengths: the longest of twenty is some four times the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of load. Lengths are tokens, roughly; the seed makes it repeatable."""

    prompt_tokens: int = 300
    longest_tokens: int = 6_000
    max_tokens: int = 64
    stream: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """So many calls at so many a second, on average."""

    rate: float
    calls: int

    @property
    def seconds(self) -> float:
        """Return how long the step takes, roughly."""
        return self.calls / self.rate


def arrivals(step: Step, seed: int) -> list[float]:
    """Return when each call is due, in seconds from the start: a Poisson process."""
    draw, now, found = random.Random(f"{seed}:{step.rate}"), 0.0, list[float]()
    for _ in range(step.calls):
        now += draw.expovariate(step.rate)
        found.append(now)
    return found


def questions(profile: Profile, count: int) -> list[str]:
    """Return questions of realistic lengths: lognormal around the median.

    No two are alike, so that no cache answers what it should not.
    """
    draw = random.Random(profile.seed)
    return [_question(profile, draw, number) for number in range(count)]


def _question(profile: Profile, draw: random.Random, number: int) -> str:
    tokens = draw.lognormvariate(math.log(profile.prompt_tokens), _SIGMA)
    words = max(4, int(min(tokens, profile.longest_tokens) / _TOKENS_PER_WORD))
    start = draw.randrange(len(_WORDS))
    said = [_WORDS[(start + at) % len(_WORDS)] for at in range(words)]
    return f"Question {profile.seed}-{number}: " + " ".join(said) + "?"
