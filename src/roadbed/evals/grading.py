"""What an evaluation asks of a grader.

A grader is one file in `evals/graders/`, or a plug-in of the group `roadbed.graders`.
The module has:

- `Config`, a pydantic model: the `config` block of a grader in an Evaluation;
- `grader(config)`, which returns a `Grader` or a `SetGrader`;
- `VERSION`, a whole number: raise it when the same answer may get another grade, so
  that no grade of before is taken for one of now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from roadbed.evals.asking import Answered, Ask
from roadbed.evals.case import Case

GRADERS = "roadbed.graders"
"""The group of entry points for graders of others."""

Direction = Literal["higher", "lower"]
"""Which way is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A case and one answer to it. `repeat` counts the answers to a case, from 0."""

    case: Case
    answered: Answered
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What a grader says of one answer.

    `value` is a number, from 0 to 1 where the grader judges right and wrong. None
    says that it could not be told, and `error` why: such a case is no failure and no
    success. `detail` is plain JSON for people who look closer.
    """

    value: float | None
    label: str = ""
    explanation: str = ""
    error: str = ""
    cost_nano: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of all answers together, such as the area under the curve.

    `low` and `high` are its 95 % interval, None where none is known; without a value,
    `error` says why.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    error: str = ""


class Means(Protocol):
    """What a grader may use besides the sample."""

    def ask(self, endpoint: str) -> Ask:
        """Return what asks *endpoint*, such as that of a judge, on the governed path.

        Raises NotFound if there is none.
        """
        ...


UNIT = (0.0, 1.0)
"""The bounds of grades that say how right an answer is."""


class Grader(Protocol):
    """Judges answers one by one.

    One whose values have ends that are known says so as `bounds`, the lowest and the
    highest, such as UNIT: then no interval reaches beyond them.
    """

    direction: Direction
    binary: bool
    """Whether every value is 0 or 1."""

    async def grade(self, sample: Sample, means: Means) -> Grade:
        """Return the grade of one answer that came; one that failed is not graded.

        Raises nothing for a bad answer: that is a low grade, or one without a value.
        """
        ...


class SetGrader(Protocol):
    """Measures all answers together."""

    direction: Direction

    def measure(self, samples: Sequence[Sample]) -> Sequence[Measure]:
        """Return the measures, the first one being what it is gated by.

        A measure that cannot be taken, as of one class only, has no value.
        """
        ...
