"""Is the answer what was expected, letter by letter?"""

from pydantic import BaseModel, ConfigDict

from roadbed.evals.grading import Direction, Grade, Means, Sample

VERSION = 1


class Config(BaseModel):
    """Settings of the exact grader: there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Exact:
    """1 for an answer that is the expected text, else 0."""

    direction: Direction = "higher"
    binary = True

    async def grade(self, sample: Sample, means: Means) -> Grade:
        """Return the grade of one answer."""
        given, expected = sample.answered.text, sample.case.expected
        if sample.answered.outputs:
            values = next(iter(sample.answered.outputs.values()))
            return Grade(value=float(bool(values) and values[0] == expected))
        return Grade(value=float(given == expected))


def grader(config: Config) -> Exact:
    """Return the grader."""
    return Exact()
