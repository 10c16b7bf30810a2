"""Whether the answer is what is expected, character for character."""

import math
from typing import Any

from pydantic import Field

from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unfit,
    expected_of,
    json_of,
    shown,
    value_of,
    verdict,
)
from roadbed.evals.grading import Grade, Sample

VERSION = 1


class Config(Expecting):
    """Settings of the grader `exact`."""

    strip: bool = Field(
        default=True, description="Whether space around the answer does not count."
    )
    any_of: bool = Field(
        default=False,
        description="Whether what is expected is a list of answers that are all right.",
    )


class Exact(Deciding):
    """Compares texts as texts, and what is no text as JSON, where 1 is 1.0."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if the answer is what is expected."""
        expected = expected_of(sample, self._config.expected)
        several = self._config.any_of and isinstance(expected, list)
        wanted = expected if several else [expected]
        right = any(self._is(sample, one) for one in wanted)
        got = value_of(sample, self._config.output)
        said = "" if right else f"expected {shown(expected)}, got {shown(got)}"
        return verdict(right, said)

    def _is(self, sample: Sample, wanted: Any) -> bool:
        value = value_of(sample, self._config.output)
        if isinstance(wanted, str):
            text = value if isinstance(value, str) else shown(value)
            return self._stripped(text) == self._stripped(wanted)
        try:
            return same(json_of(sample, self._config.output), wanted)
        except Unfit:
            return False

    def _stripped(self, text: str) -> str:
        return text.strip() if self._config.strip else text


def same(left: Any, right: Any) -> bool:
    """Say whether two values are one in JSON: true is not 1, but 1 is 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same(left[key], right[key]) for key in left
        )
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and math.isnan(left):
        return False
    return bool(left == right)


def grader(config: Config) -> Exact:
    """Return the grader."""
    return Exact(config)
