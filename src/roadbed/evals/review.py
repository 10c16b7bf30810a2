"""What becomes of a candidate by what annotators say: a rule of plain values."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, get_args

from roadbed.core.digest import digest_of
from roadbed.evals.statistics.agreement import kappa as cohens_kappa
from roadbed.evals.statistics.agreement import krippendorff, percent
from roadbed.evals.statistics.intervals import Interval
from roadbed.evals.statistics.ready import LACKING, ready

Verdict = Literal["accept", "reject", "skip"]
State = Literal["waiting", "disputed", "accepted", "rejected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What one annotator says, and of an accepted case what is expected."""

    annotator: str
    verdict: Verdict
    expected: Any = None
    note: str = ""

    @property
    def key(self) -> str:
        """Return what two labels that agree have in common."""
        if self.verdict != "accept":
            return self.verdict
        return f"accept {digest_of(self.expected)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a candidate stands, and what is expected if it is accepted."""

    state: State
    expected: Any = None


def settle(labels: Sequence[Label], wanted: int) -> Settled:
    """Return how a candidate stands that *wanted* annotators are to look at.

    Two who disagree leave it to a third; what two say alike counts. Whoever skips
    says nothing.
    """
    votes = [label for label in labels if label.verdict != "skip"]
    if len(votes) < wanted:
        return Settled(state="waiting")
    most, times = Counter(label.key for label in votes).most_common(1)[0]
    if wanted > 1 and times < 2:
        return Settled(state="disputed")
    chosen = next(label for label in votes if label.key == most)
    if chosen.verdict == "reject":
        return Settled(state="rejected")
    return Settled(state="accepted", expected=chosen.expected)


def drawn(name: str, rate: float) -> bool:
    """Say whether *name* is among those that are drawn at *rate*: always the same.

    Of all names, each is drawn with that probability, whoever asks and when.
    """
    number = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
    return number < rate * 2**64


def agreed(pairs: Sequence[tuple[str, str]]) -> Interval:
    """Return the share of pairs that are alike, with Wilson's interval.

    Without the extra `evals` there is the share alone; without pairs, nothing.
    """
    if ready():
        return percent(*_apart(pairs))
    same = sum(a == b for a, b in pairs)
    return _unsure(same / len(pairs) if pairs else None, len(pairs))


def measure_of(annotators: int) -> Literal["kappa", "alpha"]:
    """Return what tells how far so many *annotators* agree beyond chance.

    Cohen's kappa is of two, each with habits of their own; of more, two by two as it
    happens, Krippendorff's alpha is.
    """
    return "kappa" if annotators <= 2 else "alpha"


def beyond_chance(pairs: Sequence[tuple[str, str]], annotators: int = 2) -> Interval:
    """Return how far pairs of labels agree beyond chance, by `measure_of`.

    Without a value if there are no pairs, if all say the same one thing of everything,
    and without the extra `evals`.
    """
    if not ready():
        return _unsure(None, len(pairs))
    if measure_of(annotators) == "kappa":
        return cohens_kappa(*_apart(pairs))
    return krippendorff(pairs)


def _apart(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


def _unsure(value: float | None, n: int) -> Interval:
    return Interval(value=value, low=None, high=None, n=n, clusters=n, method=LACKING)
