"""What graders of all answers share: labels, chances, weights and their intervals.

Intervals are drawn by clusters: cases of one source rise and fall together.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from roadbed.evals.graders._reading import (
    Expecting,
    Unfit,
    Unknown,
    at,
    cut,
    number_of,
    shown,
    text_of,
)
from roadbed.evals.graders._texts import normal
from roadbed.evals.grading import Measure, Sample
from roadbed.evals.statistics.intervals import mean

if TYPE_CHECKING:
    import numpy as np

DRAWS = 400
SEED = 20_260_101
MANY = 2000
GROUPS = 50
T_49 = 2.009575237129240
"""The 97.5 % point of Student's t with a degree of freedom less than groups."""
NONE = "(none)"
"""The label of an answer that has none."""


class Chances(Expecting):
    """Where the chances of the classes stand."""

    chances: str = Field(
        default="probabilities",
        max_length=200,
        description="The output with the chance of each class, or of `positive` alone.",
    )
    classes: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="The classes, in the order of the chances. Empty: those that are "
        "expected, sorted as text.",
    )
    positive: str = Field(
        default="",
        description="The class that a single chance is of. Empty: the last one.",
    )


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weights of samples, and who belongs with whom: `clusters` count from 0."""

    weights: "np.ndarray"
    clusters: "np.ndarray"

    @property
    def groups(self) -> int:
        """How many independent groups there are."""
        return int(self.clusters.max()) + 1 if len(self.clusters) else 0


def weighed(samples: Sequence[Sample]) -> Weighed:
    """Return weights and clusters; repeats of a case are one cluster."""
    import numpy as np

    names = dict[tuple[str, str], int]()
    found = list[int]()
    for sample in samples:
        case = sample.case
        key = ("cluster", case.cluster) if case.cluster else ("case", case.id)
        found.append(names.setdefault(key, len(names)))
    weights = [max(0.0, sample.case.weight) for sample in samples]
    return Weighed(np.asarray(weights, float), np.asarray(found, np.int64))


def interval(
    measure: Callable[["np.ndarray"], float], over: Weighed
) -> tuple[float | None, float | None]:
    """Return the 95 % interval of *measure*, a function of the weights of the samples.

    None if there are fewer than 10 clusters, or too often no value.
    """
    if over.groups < 10:
        return None, None
    return left_out(measure, over) if over.groups > MANY else drawn(measure, over)


def drawn(
    measure: Callable[["np.ndarray"], float], over: Weighed
) -> tuple[float | None, float | None]:
    """Return the percentile interval of 400 draws of clusters, with a fixed seed."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    even = np.full(over.groups, 1 / over.groups)
    values = list[float]()
    for _ in range(DRAWS):
        times = rng.multinomial(over.groups, even)
        values.append(measure(over.weights * times[over.clusters]))
    known = [value for value in values if math.isfinite(value)]
    if len(known) < DRAWS / 2:
        return None, None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def left_out(
    measure: Callable[["np.ndarray"], float], over: Weighed
) -> tuple[float | None, float | None]:
    """Return the interval of a jackknife that leaves 1 of 50 random groups out.

    Of many clusters it is as good as drawing, in an eighth of the time (Shao and Tu,
    "The Jackknife and Bootstrap", 1995, section 5.2).
    """
    import numpy as np

    whole = measure(over.weights)
    group = np.random.default_rng(SEED).permutation(over.groups) % GROUPS
    place = group[over.clusters]
    values = np.array([measure(over.weights * (place != n)) for n in range(GROUPS)])
    if not np.isfinite([whole, *values]).all():
        return None, None
    spread = (GROUPS - 1) / GROUPS * float(((values - values.mean()) ** 2).sum())
    half = T_49 * math.sqrt(spread)
    return whole - half, whole + half


def rate(
    right: "np.ndarray", over: Weighed
) -> tuple[float, float | None, float | None]:
    """Return a weighted rate of rights and wrongs with the interval of all rates.

    See `statistics.intervals.mean`. Raises ValueError if nothing has a weight.
    """
    clusters = [str(number) for number in over.clusters]
    found = mean(
        right.tolist(),
        weights=over.weights.tolist(),
        clusters=clusters,
        binary=True,
    )
    if found.value is None:
        raise ValueError("no case has a weight")
    return found.value, found.low, found.high


def measured(
    name: str, measure: Callable[["np.ndarray"], float], over: Weighed
) -> Measure:
    """Return a measure with its interval, or why it has no value."""
    value = measure(over.weights) if len(over.weights) else math.nan
    if not math.isfinite(value):
        return Measure(name=name, value=None, error="it is not defined on these cases")
    low, high = interval(measure, over)
    return Measure(name=name, value=value, low=low, high=high)


def without(names: Sequence[str], error: str) -> list[Measure]:
    """Return measures that could not be taken."""
    return [Measure(name=name, value=None, error=cut(error)) for name in names]


def label_of(sample: Sample, config: Expecting) -> str:
    """Return the label that was answered; `(none)` for an answer without one."""
    try:
        return plain_label(text_of(sample, config.output))
    except Unfit:
        return NONE


def expected_label(sample: Sample, config: Expecting) -> str | None:
    """Return the label that is expected, None if the case does not say."""
    value = at(sample.case.expected, config.expected)
    if value is None or isinstance(value, dict | list):
        return None
    return plain_label(value if isinstance(value, str) else shown(value))


def plain_label(text: str) -> str:
    """Return a label made comparable: `1.0` is `1`, and case does not count."""
    plain = normal(text[:200], ("unicode", "invisible", "case", "whitespace"))
    plain = plain.strip("\"'`.* ")
    return cut(plain.removesuffix(".0"), 100) or NONE


def labelled(samples: Sequence[Sample], config: Expecting) -> list[tuple[Sample, str]]:
    """Return the samples whose label is known, each with it; failed ones left out."""
    came = [s for s in samples if s.answered.status != "failed"]
    both = [(sample, expected_label(sample, config)) for sample in came]
    return [(sample, label) for sample, label in both if label is not None]


def chances_of(
    sample: Sample, config: Chances, classes: Sequence[str]
) -> list[float] | None:
    """Return the chance of each of *classes*, None if the answer has none."""
    values = sample.answered.outputs.get(config.chances, ())
    row: Any = values[0] if values else None
    if hasattr(row, "tolist"):
        row = row.tolist()
    try:
        return _spread(row, config, classes)
    except (Unfit, Unknown, RecursionError):
        return None


def classes_of(labels: Sequence[str], config: Chances) -> list[str]:
    """Return the classes in the order of the chances."""
    if config.classes:
        return [plain_label(name) for name in config.classes]
    return sorted(set(labels) - {NONE})


def positive_of(config: Chances, classes: Sequence[str]) -> str:
    """Return the class that a single chance is of."""
    return plain_label(config.positive) if config.positive else (classes or [NONE])[-1]


def _spread(row: Any, config: Chances, classes: Sequence[str]) -> list[float] | None:
    if isinstance(row, dict):
        known = {plain_label(str(name)): value for name, value in row.items()}
        row = [known.get(name, 0.0) for name in classes]
    if isinstance(row, list | tuple) and len(row) > 1:
        chances = [number_of(value) for value in row[: len(classes) + 1]]
    else:
        chance = number_of(row)
        if len(classes) != 2:
            return None
        one = positive_of(config, classes)
        chances = [chance if name == one else 1 - chance for name in classes]
    sound = len(chances) == len(classes) and all(
        -1e-6 <= c <= 1.000001 for c in chances
    )
    return [min(1.0, max(0.0, chance)) for chance in chances] if sound else None
