"""How well what was retrieved fits what is labelled as relevant, by ids."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from roadbed.evals.graders._reading import (
    Deciding,
    Expecting,
    Unfit,
    Unknown,
    at,
    cut,
    expected_of,
    json_of,
    read_json,
    shown,
)
from roadbed.evals.grading import Grade, Sample

VERSION = 1
MOST = 10_000

Measured = Literal["recall", "precision", "context-precision", "mrr", "ndcg", "hit"]


class Config(Expecting):
    """Settings of the grader `retrieval`."""

    measure: Measured = Field(
        default="recall",
        description="`recall` and `precision` of the first k; `context-precision`: "
        "the average precision, which rewards relevant ones in front; `mrr`: one over "
        "the place of the first relevant one; `ndcg`, by grades of relevance; `hit`: "
        "whether there is a relevant one.",
    )
    k: int = Field(default=10, ge=1, le=1000, description="How many of them count.")
    source: Literal["documents", "answer"] = Field(
        default="documents",
        description="`documents`: those that the answer was drawn from, by the `id` of "
        "each if it is a JSON object, else by its text; `answer`: a JSON list of ids.",
    )
    field: str = Field(
        default="", description="Where in a JSON answer the list of ids stands."
    )


class Retrieval(Deciding):
    """Compares ids: expected is a list of them, or an object of grades by id."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.binary = config.measure == "hit"

    def decide(self, sample: Sample) -> Grade:
        """Return the measure that the settings name; `detail` has all of them."""
        gains = _gains(expected_of(sample, self._config.expected))
        got = list(dict.fromkeys(self._ids(sample)))[: self._config.k]
        measured = measures(got, gains, self._config.k)
        missing = [name for name in gains if name not in got]
        said = f"missing {shown(missing, 200)}" if missing else ""
        return Grade(
            value=measured[self._config.measure],
            explanation=said,
            detail={**measured, "retrieved": [cut(name, 100) for name in got[:20]]},
        )

    def _ids(self, sample: Sample) -> list[str]:
        if self._config.source == "documents":
            return [_id(text) for text in sample.answered.documents[:MOST]]
        found = at(json_of(sample, self._config.output), self._config.field)
        if not isinstance(found, list):
            raise Unfit("the answer has no list of ids")
        return [_named(item) for item in found[:MOST]]


def measures(
    got: Sequence[str], gains: Mapping[str, float], k: int
) -> dict[str, float]:
    """Return every measure of the ids *got*, best first, no id twice."""
    hits = [n for n, name in enumerate(got, 1) if name in gains]
    precise = [found / place for found, place in enumerate(hits, 1)]
    ideal = sorted(gains.values(), reverse=True)[:k]
    return {
        "recall": len(hits) / len(gains),
        "precision": len(hits) / len(got) if got else 0.0,
        "context-precision": sum(precise) / min(len(gains), k),
        "mrr": 1 / hits[0] if hits else 0.0,
        "ndcg": _dcg([gains.get(name, 0.0) for name in got]) / _dcg(ideal),
        "hit": float(bool(hits)),
    }


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def _gains(expected: Any) -> dict[str, float]:
    if isinstance(expected, dict):
        gains = {name: _gain(gain) for name, gain in expected.items()}
    else:
        items = expected if isinstance(expected, list) else [expected]
        gains = {_named(item): 1.0 for item in items}
    relevant = {name: gain for name, gain in gains.items() if gain > 0}
    if not relevant:
        raise Unknown("the case labels nothing as relevant")
    return relevant


def _gain(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unknown(f"a grade of relevance is no number: {shown(value, 60)}")
    if not 0 <= value <= 1e6:
        raise Unknown("a grade of relevance is not from 0 to 1,000,000")
    return float(value)


def _named(item: Any) -> str:
    if isinstance(item, dict) and "id" in item:
        item = item["id"]
    return item if isinstance(item, str) else shown(item, 1000)


def _id(text: str) -> str:
    if not text.lstrip().startswith("{"):
        return text
    try:
        value = read_json(text)
    except Unfit:
        return text
    return _named(value) if "id" in value else text


def grader(config: Config) -> Retrieval:
    """Return the grader."""
    return Retrieval(config)
