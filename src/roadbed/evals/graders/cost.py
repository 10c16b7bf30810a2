"""What the answer cost, in US dollars, or whether it was within a limit."""

from math import inf

from pydantic import Field

from roadbed.evals.graders._reading import Deciding, verdict
from roadbed.evals.grading import Grade, Sample
from roadbed.inference.terms import Block

VERSION = 1
NANO = 1_000_000_000


class Config(Block):
    """Settings of the grader `cost`."""

    at_most: float | None = Field(
        default=None,
        gt=0,
        description="The most dollars that an answer may cost: then the grade is 1 "
        "or 0. Unset: the grade is the cost, and lower is better.",
    )


class Cost(Deciding):
    """Reads what the governed path charged."""

    bounds = (0.0, inf)

    def __init__(self, config: Config) -> None:
        self._config = config
        self.binary = config.at_most is not None
        self.direction = "higher" if self.binary else "lower"

    def decide(self, sample: Sample) -> Grade:
        """Return dollars, or whether they are within the limit."""
        nano, most = sample.answered.cost_nano, self._config.at_most
        if nano < 0:
            return Grade(value=None, error="the answer has no cost")
        said = f"${nano / NANO:.9f}"
        if most is None:
            return Grade(value=nano / NANO, explanation=said)
        return verdict(nano <= most * NANO, said)


def grader(config: Config) -> Cost:
    """Return the grader."""
    return Cost(config)
