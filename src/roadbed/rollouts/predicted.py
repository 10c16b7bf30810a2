"""The one number of a prediction whose distribution is watched (decision 027)."""

from roadbed.inference.record import CallRecord


def prediction_of(record: CallRecord) -> float | None:
    """Return what was predicted for a single row as one number, None if it is none.

    The number that was predicted; of two classes with their probabilities, that of the
    second; of more, that of the likeliest, for how sure the model is. A prediction
    with several numbers and no classes is not one number.
    """
    if record.status != "ok" or not record.prediction:
        return None
    several: dict[str, list[float]] = {}
    plain: list[float] = []
    for name, value in record.prediction.items():
        output, bracket, _ = name.partition("[")
        if bracket:
            several.setdefault(output, []).append(value)
        else:
            plain.append(value)
    if not several:
        return plain[0] if len(plain) == 1 else None
    chances = next((v for v in several.values() if _are_chances(v)), None)
    if chances is None:
        return None
    return chances[1] if len(chances) == 2 else max(chances)


def _are_chances(values: list[float]) -> bool:
    return min(values) >= 0 and abs(sum(values) - 1) < 0.02
