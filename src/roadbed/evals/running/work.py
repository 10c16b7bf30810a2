"""One run as it was ordered, and what came of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from roadbed.evals.asking import Answered, Ask, Question
from roadbed.evals.case import Case
from roadbed.evals.grading import Grade, Means, Measure, Sample
from roadbed.evals.kinds import Evaluation
from roadbed.evals.running.judges import Judge
from roadbed.evals.running.keys import Subject
from roadbed.evals.running.requests import Requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come: cases, money, answers that were there, and failures."""

    done: int = 0
    total: int = 0
    cost_nano: int = 0
    hits: int = 0
    failed: int = 0


Tell = Callable[[Progress], None]


def _silent(progress: Progress) -> None:
    return None


Graded = Callable[[Answered, Case, Judge, Grade], None]
"""Told of each grade that was given; one that was there before is not."""


def _untold(answered: Answered, case: Case, judge: Judge, grade: Grade) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run is to do: which cases, asked of what, judged by whom.

    `take` tells fresh draws of answers from those that are kept.
    """

    subject: Subject
    spec: Evaluation
    cases: Iterable[Case]
    total: int
    judges: Sequence[Judge]
    requests: Requests
    ask: Ask
    means: Means
    take: str = ""
    tell: Tell = _silent
    graded: Graded = _untold


@dataclass(slots=True, kw_only=True)
class Found:
    """What a run found: a line for each case in order, None for one not come to.

    `stopped` says why it ended before its end, empty if it did not. `measures` are
    those of graders that look at all answers together, by the grader's name.
    """

    lines: list[bytes | None] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    stopped: str = ""
    measures: Mapping[str, Sequence[Measure]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Item:
    """One question on its way: a case, a repeat, and what is known of it.

    `key` names its answer; `unaskable` says why nothing can be asked.
    """

    at: int
    case: Case
    repeat: int
    question: Question | None = None
    key: str = ""
    unaskable: str = ""
    hit: bool = False
    answered: Answered | None = None
    grades: dict[str, Grade] = field(default_factory=dict)

    def sample(self) -> Sample:
        """Return what graders are given."""
        assert self.answered is not None
        return Sample(case=self.case, answered=self.answered, repeat=self.repeat)
