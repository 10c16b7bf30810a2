"""What the pages about reviewing and quality ask, and what they are told."""

from dataclasses import dataclass
from typing import Any, Protocol

from roadbed.control.quality import EndpointQuality
from roadbed.evals.golden import Candidate
from roadbed.evals.review import Label
from roadbed.evals.statistics.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How the queue of one dataset stands, by state, and how annotators agree.

    `pairs` were looked at by two; `agreement` and `beyond`, which is by `measure`, have
    no value without any, and are None where nobody asked for them.
    """

    dataset: str
    states: dict[str, int]
    agreement: Interval | None = None
    beyond: Interval | None = None
    measure: str = "kappa"
    pairs: int = 0

    @property
    def open(self) -> int:
        """Return how many wait to be looked at."""
        return self.states.get("waiting", 0) + self.states.get("disputed", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What an annotator has before them: the queue, and the next case of it.

    `withheld` says that there is one that they may not read.
    """

    queue: Queue
    candidate: Candidate | None = None
    withheld: bool = False

    @property
    def proposed(self) -> Any:
        """Return what is thought to be right: what was said so, else the answer."""
        found = self.candidate
        if found is None:
            return None
        return found.answer if found.expected is None else found.expected


class Learning(Protocol):
    """Answers what one visitor's pages ask. Methods block."""

    def queues(self) -> tuple[Queue, ...]:
        """Return the queues that have or had candidates and may be worked on."""
        ...

    def desk(self, dataset: str, after: str) -> Desk:
        """Return the next case for this visitor, but not the one called *after*."""
        ...

    def label(self, dataset: str, candidate: str, label: Label) -> str:
        """Keep what the visitor says, and return how the case stands then."""
        ...

    def quality(self, endpoint: str, span: tuple[int, int]) -> EndpointQuality:
        """Return how good an endpoint's answers were between two moments, by day."""
        ...
