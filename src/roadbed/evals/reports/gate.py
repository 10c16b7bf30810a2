"""Whether a version may be promoted: each bar is passed, failed, or not decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roadbed.evals.kinds import Bar, Evaluation, Use
from roadbed.evals.reports.report import value_of
from roadbed.evals.statistics.intervals import Interval
from roadbed.evals.statistics.paired import Comparison
from roadbed.evals.statistics.verdict import Judgement, Outcome, judge, overall

MISSING = 0.01
"""The share of cases without answer or grade from which on nothing is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What is known of the judges: why one may not gate, and scores put right."""

    refused: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a gate said: the word for all bars, and each bar's with its reason."""

    outcome: Outcome
    bars: Mapping[str, Judgement]

    def content(self) -> dict[str, Any]:
        """Return the gate as plain JSON."""
        bars = {
            name: {"outcome": bar.outcome, "sentence": bar.sentence}
            for name, bar in self.bars.items()
        }
        return {"outcome": self.outcome, "bars": bars}


def gate_of(
    spec: Evaluation,
    candidate: Mapping[str, Any],
    baseline: Mapping[str, Any] | None,
    comparison: Mapping[str, Any] | None,
    word: Word = Word(),
) -> Gate:
    """Return what the bars of *spec* say of the report *candidate*.

    Without a *baseline*, as no version is in service, no tolerance is asked. A judge
    that *word* refuses decides nothing.
    """
    bars = {
        use.name: _told(use, use.gate, (candidate, comparison), word)
        for use in spec.graders
        if use.gate is not None
    }
    for what, said in (("", candidate), ("of the baseline ", baseline)):
        if said is not None and (reason := _lacking(said, what)):
            bars["answers"] = Judgement("inconclusive", reason)
    return Gate(outcome=overall(list(bars.values())), bars=bars)


_Both = tuple[Mapping[str, Any], Mapping[str, Any] | None]
"""The report of the candidate, and the comparison."""


def _told(use: Use, bar: Bar, both: _Both, word: Word) -> Judgement:
    if reason := word.refused.get(use.name):
        return Judgement("inconclusive", reason)
    return _judged(use, bar, both, word.scores.get(use.name))


def _judged(use: Use, bar: Bar, both: _Both, score: Interval | None) -> Judgement:
    candidate, comparison = both
    said = candidate["graders"][use.name]
    tolerance = bar.tolerance if comparison is not None else None
    if tolerance is None and bar.floor is None:
        return Judgement(
            "passed", "no other version is in service that it could be worse than"
        )
    compared = comparison["graders"][use.name]["comparison"] if comparison else None
    return judge(
        direction=said["direction"],
        tolerance=tolerance,
        floor=bar.floor,
        comparison=Comparison(**compared) if compared else None,
        score=score or score_of(said, candidate["done"]),
    )


def score_of(said: Mapping[str, Any], cases: int) -> Interval:
    """Return the score of one grader, with its interval."""
    if "interval" in said:
        return Interval(**said["interval"])
    measure = value_of(said["measures"])
    return Interval(
        value=measure["value"],
        low=measure["low"],
        high=measure["high"],
        n=cases,
        clusters=cases,
        method=measure["error"] or measure["name"] or "no measure",
    )


def _lacking(said: Mapping[str, Any], what: str) -> str:
    """Say why a report decides nothing, empty if it may."""
    if not said["complete"]:
        why = f": {said['stopped']}" if said["stopped"] else ""
        return f"{said['done']} of {said['cases']} cases {what}were answered{why}"
    asked = max(said["cases"] * said["repeats"], 1)
    failed = said["failures"]["answers"]
    if failed > MISSING * asked:
        return f"{failed} of {asked} answers {what}did not come: run it again"
    for name, graded in said["graders"].items():
        if graded.get("gate") and graded.get("missing", 0) > MISSING * asked:
            count = graded["missing"]
            return f"{count} of {asked} answers {what}could not be graded by {name}"
    return ""
