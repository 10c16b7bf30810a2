"""Two reports side by side: paired case by case, clustered, with a word for each."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import hypot
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.evals.kinds import Evaluation, Use
from roadbed.evals.reports.report import alpha_of, value_of
from roadbed.evals.running.rows import Row, mean_of
from roadbed.evals.statistics import multiplicity, verdict
from roadbed.evals.statistics.paired import Comparison, Pair, compare

SHOWN = 20
"""How many of the cases that changed most are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A case whose grade changed: by how much, and where the answers are kept."""

    case: str
    grader: str
    tags: tuple[str, ...]
    baseline: float
    candidate: float
    worse: bool
    answers: tuple[str, str]


@dataclass(slots=True)
class _Side:
    """What is needed of one row to compare it."""

    case: str
    grades: Mapping[str, float | None]
    answer: str


@dataclass(slots=True)
class Paired:
    """The cases that both versions answered, and how many only one did."""

    pairs: dict[str, list[Pair]] = field(default_factory=dict)
    slices: dict[str, dict[str, list[Pair]]] = field(default_factory=dict)
    changed: list[Changed] = field(default_factory=list)
    unpaired: int = 0


def compare_reports(
    spec: Evaluation,
    baseline: tuple[Mapping[str, Any], Iterable[Row]],
    candidate: tuple[Mapping[str, Any], Iterable[Row]],
    shown: int = SHOWN,
) -> dict[str, Any]:
    """Return how the *candidate* differs: each is a report, and the rows of it.

    *shown* is how many of the cases that changed most are named. Raises Invalid if
    they were not graded by the same, or share no case.
    """
    before, after = baseline[0], candidate[0]
    uses = [use for use in spec.graders if use.name in after["graders"]]
    for use in uses:
        _must_agree(use.name, before, after)
    found = pair(spec, (before["graders"], baseline[1]), candidate[1], shown)
    alpha = alpha_of(spec)
    return {
        "baseline": before["subject"],
        "candidate": after["subject"],
        "alpha": alpha,
        "unpaired": found.unpaired,
        "graders": {
            use.name: _compared(use, (before, after), found, alpha) for use in uses
        },
        "changed": [asdict(changed) for changed in found.changed],
    }


def pair(
    spec: Evaluation,
    baseline: tuple[Mapping[str, Any], Iterable[Row]],
    candidate: Iterable[Row],
    shown: int = SHOWN,
) -> Paired:
    """Return the pairs of grades by grader, and the cases that changed most."""
    graders, rows = baseline
    names = [name for name, said in graders.items() if "interval" in said]
    known = {row.id: _side(row, names) for row in rows}
    found = Paired({name: [] for name in names}, _empty(names, spec.slices))
    most = {name: _Most(graders[name]["direction"], shown) for name in names}
    for row in candidate:
        before, after = known.pop(row.id, None), _side(row, names)
        if before is None or before.case != after.case:
            found.unpaired += 1
            continue
        for name in names:
            _add(found, (name, row), (before, after), most[name])
    found.unpaired += len(known)
    found.changed = _first(most.values(), shown)
    return found


def _add(
    found: Paired, what: tuple[str, Row], sides: tuple[_Side, _Side], most: "_Most"
) -> None:
    (name, row), (before, after) = what, sides
    old, new = before.grades[name], after.grades[name]
    if old is None or new is None:
        return
    pair = Pair(old, new, row.weight, row.cluster)
    found.pairs[name].append(pair)
    for tag in row.tags:
        if tag in found.slices[name]:
            found.slices[name][tag].append(pair)
    if old != new:
        most.take(name, row, (old, new), (before.answer, after.answer))


class _Most:
    """Keeps the cases that changed most, those that became worse before the others."""

    def __init__(self, direction: str, shown: int) -> None:
        self._shown = shown
        self._sign = 1.0 if direction == "higher" else -1.0
        self._found: list[tuple[float, int, Changed]] = []

    def take(
        self,
        name: str,
        row: Row,
        grades: tuple[float, float],
        answers: tuple[str, str],
    ) -> None:
        loss = self._sign * (grades[0] - grades[1])
        changed = Changed(
            case=row.id,
            grader=name,
            tags=row.tags,
            baseline=grades[0],
            candidate=grades[1],
            worse=loss > 0,
            answers=answers,
        )
        # A gain counts a little: where nothing became worse, gains are shown.
        weight = loss if loss > 0 else -loss * 1e-6
        entry = (weight, -row.at, changed)
        if len(self._found) < self._shown:
            heapq.heappush(self._found, entry)
        else:
            heapq.heappushpop(self._found, entry)

    def entries(self) -> list[tuple[float, int, Changed]]:
        return self._found


def _first(all_of: Iterable[_Most], shown: int) -> list[Changed]:
    entries = [entry for most in all_of for entry in most.entries()]
    ordered = sorted(entries, key=lambda e: (-e[0], -e[1], e[2].grader))
    first = list(dict.fromkeys(changed.case for _, _, changed in ordered))[:shown]
    return [changed for _, _, changed in ordered if changed.case in first]


def _compared(
    use: Use,
    reports: tuple[Mapping[str, Any], Mapping[str, Any]],
    found: Paired,
    alpha: float,
) -> dict[str, Any]:
    before, after = (said["graders"][use.name] for said in reports)
    direction, tolerance = after["direction"], use.gate.tolerance if use.gate else None
    if "interval" in after:
        binary = after["binary"]
        whole = _of_pairs(found.pairs[use.name], binary, alpha)
        slices = {
            tag: _of_pairs(pairs, binary, alpha)
            for tag, pairs in found.slices[use.name].items()
        }
        values = before["interval"]["value"], after["interval"]["value"]
        counts = _counts(found.pairs[use.name], direction)
    else:
        old, new = value_of(before["measures"]), value_of(after["measures"])
        whole, slices = apart(old, new, after_cases(reports[1])), {}
        values, counts = (old["value"], new["value"]), {}
    return {
        **counts,
        "direction": direction,
        "baseline": values[0],
        "candidate": values[1],
        "comparison": asdict(whole),
        "verdict": verdict.conclude(whole, direction, tolerance),
        "slices": _sliced(slices, direction, tolerance, alpha),
    }


def _counts(pairs: Sequence[Pair], direction: str) -> dict[str, int]:
    sign = 1.0 if direction == "higher" else -1.0
    gains = [sign * (pair.candidate - pair.baseline) for pair in pairs]
    return {
        "became_worse": sum(g < 0 for g in gains),
        "became_better": sum(g > 0 for g in gains),
    }


def after_cases(said: Mapping[str, Any]) -> int:
    """Return how many cases a report is of."""
    return int(said["done"])


def apart(old: Mapping[str, Any], new: Mapping[str, Any], n: int) -> Comparison:
    """Return how two measures of all cases differ, from the interval of each.

    They are not paired, so the interval is wider than it had to be, never narrower.
    """
    method = "two intervals, not paired"
    ends = [each[name] for each in (old, new) for name in ("low", "value", "high")]
    if any(end is None for end in ends):
        missing = "a measure has no interval"
        return Comparison(
            difference=None, low=None, high=None, p=1.0, n=n, clusters=n, method=missing
        )
    difference = new["value"] - old["value"]
    down = hypot(new["value"] - new["low"], old["high"] - old["value"])
    up = hypot(new["high"] - new["value"], old["value"] - old["low"])
    return Comparison(
        difference=difference,
        low=difference - down,
        high=difference + up,
        p=_p_of(difference, down if difference > 0 else up),
        n=n,
        clusters=n,
        method=method,
    )


def _p_of(difference: float, half: float) -> float:
    from scipy.special import ndtr

    if not half:
        return 0.0 if difference else 1.0
    return float(2 * ndtr(-abs(difference) / (half / 1.959964)))


def _of_pairs(pairs: Sequence[Pair], binary: bool, alpha: float) -> Comparison:
    whole = {grade for p in pairs for grade in (p.baseline, p.candidate)} <= {0, 1}
    return compare(pairs, binary=binary and whole, alpha=alpha)


def _sliced(
    slices: Mapping[str, Comparison],
    direction: verdict.Direction,
    tolerance: float | None,
    alpha: float,
) -> dict[str, Any]:
    concluded = multiplicity.conclude_slices(slices, direction, tolerance, alpha)
    return {
        tag: {"comparison": asdict(slices[tag]), "verdict": word, "adjusted_p": p}
        for tag, (word, p) in concluded.items()
    }


def _must_agree(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old, new = before["graders"].get(name), after["graders"][name]
    if old is None or old["digest"] != new["digest"]:
        raise Invalid(
            f"the two were not graded by the same {name!r}",
            hint="run both by the evaluation as it is now",
        )


def _side(row: Row, names: Sequence[str]) -> _Side:
    grades = {name: mean_of(row.grades.get(name, ())) for name in names}
    answer = next((key for key in row.answers if key), "")
    return _Side(row.case, grades, answer)


def _empty(
    names: Sequence[str], tags: Sequence[str]
) -> dict[str, dict[str, list[Pair]]]:
    return {name: {tag: [] for tag in tags} for name in names}
