"""How far predicted numbers are from what is expected: MAE, RMSE, R2 and bias."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._reading import Expecting, Unfit, at, number_of, value_of
from roadbed.evals.graders._sets import measured, weighed, without
from roadbed.evals.graders.numeric import number
from roadbed.evals.grading import Direction, Measure, Sample

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
LARGEST = 1e150
Named = Literal["mae", "rmse", "r2", "bias"]
ORDER: tuple[Named, ...] = ("mae", "rmse", "r2", "bias")


class Config(Expecting):
    """Settings of the grader `regression`."""

    measure: Named = Field(
        default="mae",
        description="The measure that a gate is about; all are reported. `bias` is "
        "the size of the mean error, whichever its sign; `signed-bias` has the sign.",
    )
    missing: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="The share of answers that may be without a number; with more, "
        "nothing is measured, so that saying nothing never pays.",
    )


class Regression:
    """Measures predicted numbers."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.direction: Direction = "higher" if config.measure == "r2" else "lower"

    def measure(self, samples: Sequence[Sample]) -> list[Measure]:
        """Return all measures, the one of the settings first."""
        import numpy as np

        names = sorted(ORDER, key=lambda name: name != self._config.measure)
        names = [*names, "signed-bias"]
        known = self._known(samples)
        read = [(s, want, got) for s, want, got in known if got is not None]
        if not read or not sum(s.case.weight for s, *_ in read) > 0:
            return without(names, "no answer has a number, with one that is expected")
        missing = 1 - len(read) / len(known)
        if missing > self._config.missing:
            return without(names, f"{missing:.1%} of the answers have no number")
        over = weighed([sample for sample, *_ in read])
        want = np.array([each[1] for each in read])
        got = np.array([each[2] for each in read])
        return [
            measured(name, lambda w, n=name: of(n, want, got, w), over)
            for name in names
        ]

    def _known(
        self, samples: Sequence[Sample]
    ) -> list[tuple[Sample, float, float | None]]:
        came = [s for s in samples if s.answered.status != "failed"]
        both = [(s, _number(at(s.case.expected, self._config.expected))) for s in came]
        return [(s, want, self._got(s)) for s, want in both if want is not None]

    def _got(self, sample: Sample) -> float | None:
        try:
            return _number(value_of(sample, self._config.output))
        except Unfit:
            return None


def of(
    name: str, want: "np.ndarray", got: "np.ndarray", weights: "np.ndarray"
) -> float:
    """Return the measure called *name*, NaN where it is not defined."""
    import numpy as np

    total = weights.sum()
    if not total > 0:
        return np.nan
    off = got - want
    if name == "mae":
        return float(weights @ np.abs(off) / total)
    square = float(weights @ off**2 / total)
    if name == "rmse":
        return float(np.sqrt(square))
    if name == "r2":
        mean = weights @ want / total
        spread = float(weights @ (want - mean) ** 2 / total)
        return 1 - square / spread if spread > 0 else np.nan
    bias = float(weights @ off / total)
    return abs(bias) if name == "bias" else bias


def _number(value: object) -> float | None:
    try:
        found = (
            number(value.strip()[:100]) if isinstance(value, str) else number_of(value)
        )
    except Unfit:
        return None
    return found if abs(found) < LARGEST else None


def grader(config: Config) -> Regression:
    """Return the grader."""
    needs("numpy")
    return Regression(config)
