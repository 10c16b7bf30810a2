"""How much a list of the answer has in common with the list that is expected."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unfit,
    at,
    expected_of,
    json_of,
    shown,
    text_of,
)
from roadbed.evals.graders._texts import STEPS, Step, normal
from roadbed.evals.grading import Grade, Sample

VERSION = 1
MOST = 10_000


class Config(Expecting):
    """Settings of the grader `overlap`."""

    measure: Literal["f1", "precision", "recall", "jaccard", "ordered"] = Field(
        default="f1",
        description="`ordered` is the F1 of the longest run of items in the right "
        "order, others between them allowed.",
    )
    field: str = Field(
        default="", description="Where in a JSON answer the list stands."
    )
    separator: str = Field(
        default=",",
        min_length=1,
        max_length=10,
        description="What stands between the items of an answer that is no JSON list; "
        "a new line always does.",
    )
    steps: list[Step] = Field(
        default=list(STEPS), description="What does not count, as in `normalised`."
    )
    repeats: bool = Field(
        default=False, description="Whether an item counts as often as it stands there."
    )


class Overlap(Deciding):
    """Compares two lists of short texts as sets, as bags or in order."""

    binary = False

    def __init__(self, config: Config) -> None:
        self._config = config

    def decide(self, sample: Sample) -> Grade:
        """Return the measure that the settings name; `detail` has all of them."""
        config = self._config
        wanted = self._items(_listed(expected_of(sample, config.expected), config))
        got = self._items(self._answered(sample))
        measured = measures(wanted, got)
        missing = list((Counter(wanted) - Counter(got)).elements())
        extra = list((Counter(got) - Counter(wanted)).elements())
        said = f"missing {shown(missing, 120)}, extra {shown(extra, 120)}"
        return Grade(
            value=measured[config.measure],
            label="same" if not missing and not extra else "different",
            explanation=said if missing or extra else "",
            detail=measured,
        )

    def _answered(self, sample: Sample) -> list[Any]:
        try:
            value = at(json_of(sample, self._config.output), self._config.field)
        except Unfit:
            if self._config.field:
                raise
            return _listed(text_of(sample, self._config.output), self._config)
        if isinstance(value, list | tuple):
            return list(value)
        if self._config.field:
            raise Unfit(f"the answer has no list at {self._config.field!r}")
        return _listed(text_of(sample, self._config.output), self._config)

    def _items(self, values: Sequence[Any]) -> list[str]:
        if len(values) > MOST:
            raise Unfit(f"the list has {len(values):,} items; at most {MOST:,} count")
        texts = (v if isinstance(v, str) else shown(v) for v in values)
        found = [t for t in (normal(text, self._config.steps) for text in texts) if t]
        return found if self._config.repeats else list(dict.fromkeys(found))


def measures(wanted: Sequence[str], got: Sequence[str]) -> dict[str, float]:
    """Return every measure of two lists; two empty lists agree."""
    if not wanted and not got:
        return dict.fromkeys(("f1", "precision", "recall", "jaccard", "ordered"), 1.0)
    both = sum((Counter(wanted) & Counter(got)).values())
    union = len(wanted) + len(got) - both
    return {
        "f1": 2 * both / (len(wanted) + len(got)),
        "precision": both / len(got) if got else 0.0,
        "recall": both / len(wanted) if wanted else 0.0,
        "jaccard": both / union,
        "ordered": 2 * _in_order(wanted, got) / (len(wanted) + len(got)),
    }


def _in_order(wanted: Sequence[str], got: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of the first occurrences."""
    place = {item: n for n, item in reversed(list(enumerate(wanted)))}
    ends: list[int] = []
    for item in dict.fromkeys(got):
        where = place.get(item)
        if where is None:
            continue
        at_ = bisect_left(ends, where)
        ends[at_ : at_ + 1] = [where]
    return len(ends)


def _listed(value: Any, config: Config) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, str):
        return [value]
    lines = value.split("\n", MOST)
    return [part for line in lines for part in line.split(config.separator, MOST)]


def grader(config: Config) -> Overlap:
    """Return the grader."""
    return Overlap(config)
