"""Whether the answer contains what it must, or nothing that it must not."""

from typing import Literal

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
from roadbed.evals.graders._texts import Step, normal
from roadbed.evals.grading import Grade, Sample

VERSION = 1


class Config(Expecting):
    """Settings of the grader `contains`."""

    texts: list[str] = Field(
        default_factory=list,
        max_length=200,
        description="What to look for in every answer. Empty: what is expected of "
        "the case, a text or a list of texts.",
    )
    need: Literal["all", "any", "none"] = Field(
        default="all", description="How many of the texts the answer must contain."
    )
    whole_words: bool = Field(
        default=False, description="Whether `cat` is not found in `concatenate`."
    )
    steps: list[Step] = Field(
        default=["unicode", "invisible", "case", "whitespace"],
        description="What does not count, as in `normalised`.",
    )


class Contains(Deciding):
    """Looks for texts in the answer."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if as many texts are there as must be."""
        config = self._config
        wanted = config.texts or texts_of(expected_of(sample, config.expected))
        text = self._comparable(text_of(sample, config.output))
        found = [one for one in wanted if self._comparable(one) in text]
        missing = [one for one in wanted if one not in found]
        if config.need == "none":
            said = f"found {shown(found)}" if found else ""
            return verdict(not found, said)
        right = bool(found) if config.need == "any" else not missing
        return verdict(right, "" if right else f"missing {shown(missing)}")

    def _comparable(self, text: str) -> str:
        text = normal(text, self._config.steps)
        if not self._config.whole_words:
            return text
        return f" {' '.join(normal(text, ('punctuation',)).split())} "


def grader(config: Config) -> Contains:
    """Return the grader."""
    return Contains(config)
