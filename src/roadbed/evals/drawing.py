"""How likely a call is to be drawn for grading: a rule of what is on its record."""

from collections.abc import Mapping

from roadbed.evals.kinds import Online
from roadbed.inference.record import CallRecord

_TO_ONE = 0.02
"""Probabilities are rounded; their sum is one within this."""


def probability(record: CallRecord, online: Online) -> float:
    """Return how likely the call is to be drawn: it depends on its record alone.

    Of several rates that are its own, the highest holds; without one, that of all.
    """
    own = [rate for each, rate in online.rates.items() if _matches(record, each)]
    found = max(own) if own else online.rate
    unsure, margin = online.uncertain, margin_of(record.prediction)
    if unsure and margin is not None and margin < unsure.below:
        return max(found, unsure.rate)
    return found


def margin_of(prediction: Mapping[str, float]) -> float | None:
    """Return the margin between the two most likely classes of a prediction.

    Of a single probability it is how far that is from its complement. None where
    no output looks like probabilities.
    """
    outputs: dict[str, list[float]] = {}
    for name, value in prediction.items():
        outputs.setdefault(name.partition("[")[0], []).append(value)
    for values in outputs.values():
        if len(values) > 1 and min(values) >= 0 and abs(sum(values) - 1) < _TO_ONE:
            first, second = sorted(values, reverse=True)[:2]
            return first - second
    for name, values in outputs.items():
        if len(values) == 1 and "prob" in name.lower() and 0 <= values[0] <= 1:
            return abs(2 * values[0] - 1)
    return None


def _matches(record: CallRecord, stratum: str) -> bool:
    name, _, wanted = stratum.partition("=")
    if name.startswith("label."):
        return record.labels.get(name.removeprefix("label.")) == wanted
    has = str(getattr(record, name))
    return has == wanted or (name == "model" and has.partition("@")[0] == wanted)
