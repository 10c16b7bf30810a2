"""Whether chances mean what they say: Brier score, expected calibration error, bins."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._sets import (
    Chances,
    Weighed,
    chances_of,
    classes_of,
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

    Claims = tuple[np.ndarray, np.ndarray, np.ndarray]

VERSION = 1
Named = Literal["brier", "ece"]
ORDER: tuple[Named, ...] = ("brier", "ece")


class Config(Chances):
    """Settings of the grader `calibration`."""

    measure: Named = Field(
        default="brier",
        description="The measure that a gate is about. The `ece` depends on the bins "
        "and is too large on few cases; `brier` does not and is not.",
    )
    bins: int = Field(
        default=10,
        ge=2,
        le=50,
        description="How many bins, of as many cases each where chances differ.",
    )


class Calibration:
    """Compares chances with how often they come true.

    Of two classes it is the chance of the positive one, of more that of the likeliest.
    """

    direction: Direction = "lower"

    def __init__(self, config: Config) -> None:
        self._config = config

    def measure(self, samples: Sequence[Sample]) -> list[Measure]:
        """Return Brier score and ECE, the one of the settings first, then the bins."""
        import numpy as np

        names = sorted(ORDER, key=lambda name: name != self._config.measure)
        known = labelled(samples, self._config)
        classes = classes_of([label for _, label in known], self._config)
        rows = [chances_of(sample, self._config, classes) for sample, _ in known]
        missing = sum(row is None for row in rows)
        if missing or not known:
            return without(names, f"{missing} of {len(rows)} answers have no chances")
        over = weighed([sample for sample, _ in known])
        if (
            len(classes) < 2
            or positive_of(self._config, classes) not in classes
            or not over.weights.sum() > 0
        ):
            return without(names, "there are no two classes, or no weights")
        wanted = np.array([[label == name for name in classes] for _, label in known])
        at = classes.index(positive_of(self._config, classes))
        claims = _claims(np.asarray(rows), wanted.astype(float), at)
        return self._measures(names, claims, over)

    def _measures(
        self, names: Sequence[str], claims: "Claims", over: Weighed
    ) -> list[Measure]:
        sure, came, square = claims
        bins = binned(sure, self._config.bins)
        found = {
            "brier": measured("brier", lambda w: _mean(square, w), over),
            "ece": measured("ece", lambda w: ece(sure, came, bins, w), over),
        }
        return [*(found[n] for n in names), *_bins(sure, came, bins, over)]


def _claims(chances: "np.ndarray", wanted: "np.ndarray", positive: int) -> "Claims":
    """Return what was claimed of each case, whether it came true, and the Brier."""
    import numpy as np

    square = ((chances - wanted) ** 2).sum(axis=1)
    if chances.shape[1] == 2:
        return chances[:, positive], wanted[:, positive], square / 2
    best = chances.argmax(axis=1)
    rows = np.arange(len(best))
    return chances[rows, best], wanted[rows, best], square


def _mean(values: "np.ndarray", weights: "np.ndarray") -> float:
    total = weights.sum()
    return float(weights @ values / total) if total > 0 else float("nan")


def binned(sure: "np.ndarray", most: int) -> "np.ndarray":
    """Return the bin of each chance, from 0: bins of like size, equal ones together."""
    import numpy as np

    edges = np.quantile(sure, np.linspace(0, 1, most + 1)[1:-1], method="inverted_cdf")
    return np.searchsorted(np.unique(edges), sure, side="left")


def ece(
    sure: "np.ndarray", came: "np.ndarray", bins: "np.ndarray", weights: "np.ndarray"
) -> float:
    """Return the mean distance of chance and frequency, over the bins."""
    import numpy as np

    total = weights.sum()
    off = np.bincount(bins, weights * (sure - came))
    return float(np.abs(off).sum() / total) if total > 0 else np.nan


def _bins(
    sure: "np.ndarray", came: "np.ndarray", bins: "np.ndarray", over: Weighed
) -> list[Measure]:
    """Return how often what was said came true, bin by bin."""
    found = list[Measure]()
    for n in range(int(bins.max()) + 1):
        here = bins == n
        weights = over.weights[here]
        if not weights.sum() > 0:
            continue
        name = f"bin {n + 1}: said {float(weights @ sure[here] / weights.sum()):.3f}"
        share, low, high = rate(came[here], _of(over, here))
        found.append(Measure(name=name, value=share, low=low, high=high))
    return found


def _of(over: Weighed, here: "np.ndarray") -> Weighed:
    import numpy as np

    _, clusters = np.unique(over.clusters[here], return_inverse=True)
    return Weighed(over.weights[here], clusters)


def grader(config: Config) -> Calibration:
    """Return the grader."""
    needs("numpy", "scipy")
    return Calibration(config)
