"""How well labels are told: accuracy, F1, area under the curve, log loss, counts."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._sets import (
    NONE,
    Chances,
    Weighed,
    chances_of,
    classes_of,
    label_of,
    labelled,
    measured,
    positive_of,
    rate,
    weighed,
    without,
)
from roadbed.evals.grading import Direction, Measure, Sample

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
LEAST_CHANCE = 1e-15
Named = Literal[
    "accuracy", "balanced-accuracy", "f1-macro", "f1-micro", "auc", "log-loss"
]
ORDER: tuple[Named, ...] = (
    "accuracy",
    "balanced-accuracy",
    "f1-macro",
    "f1-micro",
    "auc",
    "log-loss",
)


class Config(Chances):
    """Settings of the grader `classification`."""

    measure: Named = Field(
        default="accuracy",
        description="The measure that a gate is about; all are reported. `auc` is of "
        "two classes, and the mean of one against the rest if there are more. "
        "`f1-micro` counts answers without a label against recall only.",
    )
    counts: int = Field(
        default=10,
        ge=0,
        le=30,
        description="Up to how many classes the counts of the confusion are reported.",
    )


class Classification:
    """Measures labels; an answer without a label is wrong, not left out."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.direction: Direction = (
            "lower" if config.measure == "log-loss" else "higher"
        )

    def measure(self, samples: Sequence[Sample]) -> list[Measure]:
        """Return all measures, the one of the settings first, then the counts."""
        import numpy as np

        names = sorted(ORDER, key=lambda name: name != self._config.measure)
        known = labelled(samples, self._config)
        if not known or not sum(s.case.weight for s, _ in known) > 0:
            return without(names, "no answer has a label that is known")
        over = weighed([sample for sample, _ in known])
        truth = np.array([label for _, label in known])
        told = np.array([label_of(sample, self._config) for sample, _ in known])
        found = {m.name: m for m in self._of_labels(truth, told, over)}
        found |= {m.name: m for m in self._of_chances(known, truth, over)}
        return [found[name] for name in names] + self._counts(truth, told, over)

    def _of_labels(
        self, truth: "np.ndarray", told: "np.ndarray", over: Weighed
    ) -> list[Measure]:
        import numpy as np

        names, codes = np.unique(np.concatenate([truth, told]), return_inverse=True)
        both = Coded(codes[: len(truth)], codes[len(truth) :], len(names))
        said = told != NONE
        share, low, high = rate((truth == told).astype(float), over)
        return [
            Measure(name="accuracy", value=share, low=low, high=high),
            measured("balanced-accuracy", lambda w: balanced(both, w), over),
            measured("f1-macro", lambda w: f1_macro(both, w), over),
            measured("f1-micro", lambda w: f1_micro(both, said, w), over),
        ]

    def _of_chances(
        self, known: Sequence[tuple[Sample, str]], truth: "np.ndarray", over: Weighed
    ) -> list[Measure]:
        import numpy as np

        names = ("auc", "log-loss")
        classes = classes_of([label for _, label in known], self._config)
        rows = [chances_of(sample, self._config, classes) for sample, _ in known]
        missing = sum(row is None for row in rows)
        if missing:
            return without(names, f"{missing} of {len(rows)} answers have no chances")
        odd = set(truth.tolist()) - set(classes)
        if odd or len(classes) < 2:
            return without(names, f"these are not the classes: {sorted(odd)}")
        chances = np.asarray(rows, float)
        at = np.array([classes.index(label) for label in truth])
        place = classes.index(positive_of(self._config, classes))
        return [
            measured("auc", areas(chances, at, place), over),
            measured("log-loss", lambda w: log_loss(chances, at, w), over),
        ]

    def _counts(
        self, truth: "np.ndarray", told: "np.ndarray", over: Weighed
    ) -> list[Measure]:
        names = sorted(set(truth.tolist()) | set(told.tolist()))
        if len(names) > self._config.counts:
            return []
        return [
            Measure(
                name=f"count: {a} told as {b}",
                value=float(over.weights[(truth == a) & (told == b)].sum()),
            )
            for a in names
            for b in names
        ]


class Coded(NamedTuple):
    """Labels as numbers: what is expected, what was told, and how many there are."""

    truth: "np.ndarray"
    told: "np.ndarray"
    size: int

    def counts(
        self, weights: "np.ndarray"
    ) -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
        """Return the weight of each class: expected, told, and told rightly."""
        import numpy as np

        wanted = np.bincount(self.truth, weights, self.size)
        got = np.bincount(self.told, weights, self.size)
        right = weights * (self.truth == self.told)
        return wanted, got, np.bincount(self.truth, right, self.size)


def balanced(both: Coded, weights: "np.ndarray") -> float:
    """Return the mean recall over the classes that are expected."""
    wanted, _, right = both.counts(weights)
    there = wanted > 0
    return float((right[there] / wanted[there]).mean()) if there.any() else math.nan


def f1_macro(both: Coded, weights: "np.ndarray") -> float:
    """Return the mean F1 over the classes that are expected."""
    wanted, got, right = both.counts(weights)
    there = wanted > 0
    f1 = 2 * right[there] / (wanted + got)[there]
    return float(f1.mean()) if there.any() else math.nan


def f1_micro(both: Coded, said: "np.ndarray", weights: "np.ndarray") -> float:
    """Return the F1 over all labels; an answer without a label costs recall only."""
    right = float(weights @ (both.truth == both.told))
    total = float(weights.sum() + weights @ said)
    return 2 * right / total if total else math.nan


def areas(
    chances: "np.ndarray", at: "np.ndarray", positive: int
) -> Callable[["np.ndarray"], float]:
    """Return the area under the ROC curve as a function of weights.

    Of two classes it is that of *positive*; of more, the mean of each against the rest.
    """
    import numpy as np

    size = chances.shape[1]
    names = [positive] if size == 2 else range(size)
    ranked = [np.unique(chances[:, n], return_inverse=True)[1] for n in names]
    each = list(zip(ranked, [at == n for n in names], strict=True))

    def mean(weights: "np.ndarray") -> float:
        known = [auc(places, yes, weights) for places, yes in each]
        known = [value for value in known if math.isfinite(value)]
        return sum(known) / len(known) if known else math.nan

    return mean


def auc(places: "np.ndarray", yes: "np.ndarray", weights: "np.ndarray") -> float:
    """Return the chance that a positive stands higher; equal ones count half."""
    import numpy as np

    up, down = np.bincount(places, weights * yes), np.bincount(places, weights * ~yes)
    pairs = up.sum() * down.sum()
    below = np.cumsum(down) - down
    return float((up * (below + down / 2)).sum() / pairs) if pairs > 0 else math.nan


def log_loss(chances: "np.ndarray", at: "np.ndarray", weights: "np.ndarray") -> float:
    """Return the mean of minus the logarithm of the right class's chance."""
    import numpy as np

    right = np.clip(chances[np.arange(len(at)), at], LEAST_CHANCE, 1)
    total = weights.sum()
    return float(weights @ -np.log(right) / total) if total > 0 else math.nan


def grader(config: Config) -> Classification:
    """Return the grader."""
    needs("numpy", "scipy")
    return Classification(config)
