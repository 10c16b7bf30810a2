"""Whether groups of cases are treated alike: rates by group, their gaps, intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._reading import Expecting, cut
from roadbed.evals.graders._sets import (
    Weighed,
    interval,
    label_of,
    labelled,
    plain_label,
    rate,
    weighed,
    without,
)
from roadbed.evals.grading import Direction, Measure, Sample

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
MOST_GROUPS = 50
Named = Literal["selection", "true-positive", "false-positive", "accuracy", "odds"]
RATES: tuple[Named, ...] = ("selection", "true-positive", "false-positive", "accuracy")


class Config(Expecting):
    """Settings of the grader `fairness`."""

    group: str = Field(
        min_length=1,
        max_length=200,
        description="What the tags of the groups begin with, such as `sex` for the "
        "tags `sex:female` and `sex:male`.",
    )
    positive: str = Field(
        min_length=1, description="The label that is wished for, such as `approved`."
    )
    measure: Named = Field(
        default="odds",
        description="The gap that a gate is about: between the largest and the "
        "smallest `selection` rate, `true-positive` rate, `false-positive` rate or "
        "`accuracy`; `odds` is the larger of the gaps of the true and the false "
        "positives (equalised odds).",
    )
    least: int = Field(
        default=30,
        ge=2,
        description="How many cases a rate of a group must rest on to be compared.",
    )


class Fairness:
    """Measures gaps between groups; lower is better."""

    direction: Direction = "lower"

    def __init__(self, config: Config) -> None:
        self._config = config

    def measure(self, samples: Sequence[Sample]) -> list[Measure]:
        """Return the gaps, the one of the settings first, then the rate of each group.

        The interval of a gap is drawn; a largest difference is never below 0, so a
        gap of nothing has an interval above 0 on few cases.
        """
        names = [f"gap: {name}" for name in self._gaps()]
        known = labelled(samples, self._config)
        groups = self._groups([sample for sample, _ in known])
        if len(groups) < 2:
            return without(names, f"fewer than 2 groups of {self._config.group!r}")
        if len(groups) > MOST_GROUPS:
            return without(names, f"more than {MOST_GROUPS} groups")
        over = weighed([sample for sample, _ in known])
        rates = self._rates(known)
        gaps = [self._gap(name, rates, groups, over) for name in self._gaps()]
        return gaps + self._all(rates, groups, over)

    def _gaps(self) -> list[Named]:
        first: list[Named] = [self._config.measure]
        return first + [n for n in (*RATES, "odds") if n != first[0]]

    def _groups(self, samples: Sequence[Sample]) -> dict[str, "np.ndarray"]:
        import numpy as np

        found = dict[str, list[int]]()
        for n, sample in enumerate(samples):
            for tag in sample.case.tags:
                head, colon, tail = tag.partition(":")
                if colon and head == self._config.group:
                    found.setdefault(tail, []).append(n)
        return {name: np.array(rows) for name, rows in sorted(found.items())}

    def _rates(self, known: Sequence[tuple[Sample, str]]) -> "Rates":
        """Return, for each rate, what counts and among which cases."""
        import numpy as np

        wished = plain_label(self._config.positive)
        truth = np.array([label for _, label in known])
        told = np.array([label_of(sample, self._config) for sample, _ in known])
        chosen = (told == wished).astype(float)
        every = np.ones(len(truth), bool)
        return {
            "selection": (chosen, every),
            "true-positive": (chosen, truth == wished),
            "false-positive": (chosen, truth != wished),
            "accuracy": ((truth == told).astype(float), every),
        }

    def _gap(
        self,
        name: Named,
        rates: "Rates",
        groups: Mapping[str, "np.ndarray"],
        over: Weighed,
    ) -> Measure:
        parts: Sequence[Named] = (name,)
        if name == "odds":
            parts = ("true-positive", "false-positive")
        asked = [self._spread(rates[part], groups) for part in parts]
        if None in asked:
            error = f"fewer than 2 groups have {self._config.least} cases for it"
            return without([f"gap: {name}"], error)[0]
        gaps = [gap for gap in asked if gap is not None]

        def widest(weights: "np.ndarray") -> float:
            return max(gap(weights) for gap in gaps)

        value = widest(over.weights)
        if not math.isfinite(value):
            return without([f"gap: {name}"], "a group has no weight")[0]
        low, high = interval(widest, over)
        low = None if low is None else max(0.0, low)
        return Measure(name=f"gap: {name}", value=value, low=low, high=high)

    def _spread(
        self, rated: "Rate", groups: Mapping[str, "np.ndarray"]
    ) -> Callable[["np.ndarray"], float] | None:
        counts, among = rated
        rows = [rows[among[rows]] for rows in groups.values()]
        large = [each for each in rows if len(each) >= self._config.least]
        if len(large) < 2:
            return None

        def gap(weights: "np.ndarray") -> float:
            totals = [weights[each].sum() for each in large]
            if min(totals) <= 0:
                return math.nan
            shares = [
                float(weights[each] @ counts[each] / total)
                for each, total in zip(large, totals, strict=True)
            ]
            return max(shares) - min(shares)

        return gap

    def _all(
        self, rates: "Rates", groups: Mapping[str, "np.ndarray"], over: Weighed
    ) -> list[Measure]:
        found = list[Measure]()
        for name in RATES:
            counts, among = rates[name]
            for group, rows in groups.items():
                here = rows[among[rows]]
                label = f"{name}: {cut(group, 100)}"
                found.append(self._one(label, counts, here, over))
        return found

    def _one(
        self, label: str, counts: "np.ndarray", rows: "np.ndarray", over: Weighed
    ) -> Measure:
        import numpy as np

        if len(rows) < self._config.least or not over.weights[rows].sum() > 0:
            error = f"{len(rows)} cases, fewer than {self._config.least}"
            return Measure(name=label, value=None, error=error)
        _, clusters = np.unique(over.clusters[rows], return_inverse=True)
        share, low, high = rate(counts[rows], Weighed(over.weights[rows], clusters))
        return Measure(name=label, value=share, low=low, high=high)


if TYPE_CHECKING:
    Rate = tuple[np.ndarray, np.ndarray]
    Rates = Mapping[str, Rate]


def grader(config: Config) -> Fairness:
    """Return the grader."""
    needs("numpy", "scipy")
    return Fairness(config)
