"""Whether the answer is what is expected, after both were made comparable."""

from pydantic import Field

from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    expected_of,
    shown,
    text_of,
    texts_of,
    verdict,
)
from roadbed.evals.graders._texts import STEPS, Step, normal
from roadbed.evals.grading import Grade, Sample

VERSION = 1


class Config(Expecting):
    """Settings of the grader `normalised`."""

    steps: list[Step] = Field(
        default=list(STEPS),
        description="What does not count: `unicode` (NFKC), `invisible` characters, "
        "`case`, `accents`, `punctuation`, English `articles`, `whitespace`.",
    )


class Normalised(Deciding):
    """Compares texts after the steps; a list that is expected is of right answers."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if the answer is one of those that are expected."""
        config = self._config
        expected = texts_of(expected_of(sample, config.expected))
        got = normal(text_of(sample, config.output), config.steps)
        right = got in {normal(one, config.steps) for one in expected}
        said = "" if right else f"expected {shown(expected)}, got {shown(got)}"
        return verdict(right, said)


def grader(config: Config) -> Normalised:
    """Return the grader."""
    return Normalised(config)
