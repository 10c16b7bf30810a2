"""What reports need of all cases, held narrowly: numbers, not objects."""

from array import array
from collections.abc import Iterable, Sequence
from math import isnan, nan
from typing import Any

from roadbed.evals.running.judges import Judge
from roadbed.evals.running.rows import Row, mean_of
from roadbed.evals.statistics import intervals

_EXAMPLES = 5


class Columns:
    """The rows of a run, one after another taken in.

    `values` are the mean grades of each case by grader, NaN where there is none;
    `slices` the places of the cases with each of the tags. With *repeats* above 1 all
    grades are kept too, by grader and case.
    """

    def __init__(self, names: Sequence[str], tags: Sequence[str], repeats: int) -> None:
        self.cases = 0
        self.values = {name: array("d") for name in names}
        self.missing = dict.fromkeys(names, 0)
        self.slices = {tag: array("L") for tag in tags}
        self.answers: dict[str, dict[str, list[float]]] = {name: {} for name in names}
        self.clusters: dict[str, str] = {}
        self.times = array("Q")
        self.totals = dict.fromkeys(_TOTALS, 0)
        self.failures: dict[str, Any] = {
            "answers": 0, "cases": 0, "examples": [], "ungraded": []
        }  # fmt: skip
        self._weights = array("d")
        self._names: list[str] = []
        self._known: dict[str, str] = {}
        self._repeats = repeats

    def take(self, rows: Iterable[Row]) -> "Columns":
        """Take in *rows*, and return all that was taken."""
        for row in rows:
            self._add(row)
        return self

    def interval(self, judge: Judge, alpha: float, tag: str = "") -> intervals.Interval:
        """Return the mean grade by *judge* of all cases, or of those with *tag*.

        A case with several answers counts with their mean; one without a grade not.
        """
        values = self.values[judge.name]
        places: Iterable[int] = self.slices[tag] if tag else range(len(values))
        known = [at for at in places if not isnan(values[at])]
        chosen = [values[at] for at in known]
        found = intervals.mean(
            chosen,
            weights=[self._weights[at] for at in known],
            clusters=[self._names[at] for at in known],
            binary=judge.binary and set(chosen) <= {0, 1},
            alpha=alpha,
        )
        return intervals.within(found, judge.bounds)

    def _add(self, row: Row) -> None:
        at, self.cases = self.cases, self.cases + 1
        self._weights.append(row.weight)
        self._names.append(self._known.setdefault(row.cluster, row.cluster))
        for tag in self.slices.keys() & row.tags:
            self.slices[tag].append(at)
        came = len(row.status) - row.failed
        for name, values in self.values.items():
            grades = [g for g in row.grades.get(name, ()) if g is not None]
            mean = mean_of(grades)
            values.append(nan if mean is None else mean)
            self.missing[name] += came - len(grades)
            if self._repeats > 1 and grades:
                self.answers[name][row.id] = grades
                self.clusters[row.id] = row.cluster
        self.times.extend(us for us in row.latency_us if us)
        self._count(row)

    def _count(self, row: Row) -> None:
        for name in ("hits", "cost_nano", "input_tokens", "output_tokens"):
            self.totals[name] += getattr(row, name)
        self.totals["refused"] += row.status.count("refused")
        found = self.failures
        if row.failed:
            found["answers"] += row.failed
            found["cases"] += 1
            if len(found["examples"]) < _EXAMPLES:
                said = {"case": row.id, "error": row.errors[0] if row.errors else ""}
                found["examples"].append(said)
        elif row.errors and len(found["ungraded"]) < _EXAMPLES:
            found["ungraded"].append(row.errors[0])


_TOTALS = ("hits", "cost_nano", "input_tokens", "output_tokens", "refused")
