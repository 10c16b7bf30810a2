"""How long the answer took, in milliseconds, or whether it was within a limit."""

from math import inf
from typing import Literal

from pydantic import Field

from roadbed.evals.graders._reading import Deciding, verdict
from roadbed.evals.grading import Grade, Sample
from roadbed.inference.terms import Block

VERSION = 1


class Config(Block):
    """Settings of the grader `latency`."""

    of: Literal["whole", "first"] = Field(
        default="whole",
        description="Until the `whole` answer was there, or the `first` piece of it.",
    )
    at_most_ms: float | None = Field(
        default=None,
        gt=0,
        description="The most milliseconds that it may take: then the grade is 1 or "
        "0. Unset: the grade is the time, and lower is better.",
    )


class Latency(Deciding):
    """Reads what the governed path measured."""

    bounds = (0.0, inf)

    def __init__(self, config: Config) -> None:
        self._config = config
        self.binary = config.at_most_ms is not None
        self.direction = "higher" if self.binary else "lower"

    def decide(self, sample: Sample) -> Grade:
        """Return milliseconds, or whether they are within the limit."""
        whole = self._config.of == "whole"
        us = sample.answered.latency_us if whole else sample.answered.first_us
        if us <= 0:
            return Grade(value=None, error="the answer's time was not measured")
        said, most = f"{us / 1000:.1f} ms", self._config.at_most_ms
        if most is None:
            return Grade(value=us / 1000, explanation=said)
        return verdict(us <= most * 1000, said)


def grader(config: Config) -> Latency:
    """Return the grader."""
    return Latency(config)
