"""Whether the answer matches a regular expression, in time linear in its length."""

from typing import Any

from pydantic import Field

from roadbed.core.errors import Invalid
from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unknown,
    clean,
    expected_of,
    shown,
    text_of,
    verdict,
)
from roadbed.evals.grading import Grade, Sample

VERSION = 1
MEMORY = 16 * 1024 * 1024


class Config(Expecting):
    """Settings of the grader `regex`."""

    pattern: str = Field(
        default="",
        max_length=10_000,
        description="The expression, in the syntax of RE2: no look-around and no "
        "back-references. Empty: the one that is expected of the case.",
    )
    full: bool = Field(
        default=False,
        description="Whether the whole answer has to match, not a part of it.",
    )
    ignore_case: bool = Field(default=False, description="Whether case is no matter.")
    absent: bool = Field(
        default=False, description="Whether the answer must not match."
    )


class Regex(Deciding):
    """Matches with RE2, which no expression and no answer makes slow."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._fixed = compiled(config.pattern, config.ignore_case)

    def decide(self, sample: Sample) -> Grade:
        """Return 1 if the answer matches, or 0 if it must not."""
        config = self._config
        matcher = self._fixed if config.pattern else self._of(sample)
        text = clean(text_of(sample, config.output))
        found = matcher.fullmatch(text) if config.full else matcher.search(text)
        right = (found is None) == config.absent
        said = f"matched {shown(found.group(0))}" if found else "nothing matched"
        return verdict(right, said)

    def _of(self, sample: Sample) -> Any:
        expected = expected_of(sample, self._config.expected)
        try:
            return compiled(str(expected)[:10_000], self._config.ignore_case)
        except Invalid as error:
            raise Unknown(error.message) from None


def compiled(pattern: str, ignore_case: bool = False) -> Any:
    """Return what matches *pattern*; raise Invalid if RE2 does not take it."""
    import re2

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.max_mem = MEMORY
    options.log_errors = False
    try:
        return re2.compile(clean(pattern), options)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        told = why.decode("utf-8", "replace") if isinstance(why, bytes) else why
        raise Invalid(
            f"{shown(pattern, 80)} is no expression of RE2: {told}",
            hint="RE2 has no look-around and no back-references",
        ) from None


def grader(config: Config) -> Regex:
    """Return the grader; raise Invalid if its pattern is none of RE2."""
    needs("re2")
    return Regex(config)
