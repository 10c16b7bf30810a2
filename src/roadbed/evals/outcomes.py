"""How far a prediction was from what turned out true."""

import math
from typing import Any

from roadbed.inference.record import CallRecord

_OUTPUT = "output."


def error_of(record: CallRecord, outcome: Any) -> float | None:
    """Return how far the prediction for a single row was off, None if that is not told.

    Of a number, or a probability that something is true, it is the distance. Of a class
    it is 1 if it was another one, else 0; a class is a text, or a number that comes
    with the probabilities of all classes. An answer with several such outputs, or of
    several rows, tells nothing.
    """
    if isinstance(outcome, list):
        outcome = outcome[0] if len(outcome) == 1 else None
    texts = [v for n, v in record.cat.items() if n.startswith(_OUTPUT)]
    if isinstance(outcome, str):
        return float(texts[0] != outcome) if len(texts) == 1 else None
    plain = [v for n, v in record.prediction.items() if "[" not in n]
    if not isinstance(outcome, int | float) or len(plain) != 1 or texts:
        return None
    classes = len(record.prediction) > 1
    if classes:
        return float(plain[0] != outcome)
    off = abs(plain[0] - outcome)
    return off if math.isfinite(off) else None
