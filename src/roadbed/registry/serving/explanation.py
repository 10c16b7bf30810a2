"""Why the model said what it said: its output, shared out among the features."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadbed.core.errors import Invalid
from roadbed.inference.provider import Contribution, Explanation
from roadbed.registry.shapley import Shares, share

_BATCH_VALUES = 4_000_000

Run = Callable[[list[str], Any], list[Any]]
"""Computes the named outputs for an array of rows."""


@dataclass(frozen=True, slots=True)
class _Explained:
    """One number that the model put out: which output and column, and its name."""

    output: str
    column: int
    name: str


def explain(run: Run, body: Mapping[str, Any], values: Any) -> Explanation:
    """Share out the prediction for the row *values* among the features.

    What is explained: of a classifier the probability of the label that it gave,
    of a regressor the value. The reference input is the one row that the version
    stores (the means of the example rows at its registration). Exact for up to 8
    features; else sampled, with standard errors, by a seed made from the row, so
    that the same version explains the same row the same way for ever. The
    arithmetic and its sources (Castro et al. 2009; Štrumbelj and Kononenko 2014)
    are in `roadbed.registry.shapley`.
    """
    import numpy as np

    reference = np.array(reference_row(body), dtype=values.dtype)
    explained = _explained(run, body, values)
    per_batch = max(1, _BATCH_VALUES // len(values))

    def evaluate(coalitions: Sequence[bytes]) -> list[float]:
        outputs: list[float] = []
        for batch in _batches(coalitions, per_batch):
            inside = np.frombuffer(b"".join(batch), np.bool_).reshape(len(batch), -1)
            (found,) = run([explained.output], np.where(inside, values, reference))
            outputs += found.reshape(len(batch), -1)[:, explained.column].tolist()
        return outputs

    seed = int.from_bytes(hashlib.sha256(values.tobytes()).digest(), "big")
    shares = share(evaluate, len(values), seed)
    return Explanation(
        method=shares.method,
        output_name=explained.name,
        output=shares.output,
        reference_output=shares.reference,
        contributions=_contributions(body["features"], values, reference, shares),
    )


def reference_row(body: Mapping[str, Any]) -> list[float]:
    """Return the row that explanations start from, empty if none is stored."""
    return [float(value) for value in body.get("explain", {}).get("reference", ())]


def _explained(run: Run, body: Mapping[str, Any], values: Any) -> _Explained:
    output = body["explain"]["output"]
    classes = body.get("classes", [])
    if not classes:
        return _Explained(output, 0, output)
    (labels,) = run(["label"], values.reshape(1, -1))
    label = labels.tolist()[0]
    if label not in classes:
        raise Invalid(
            f"the model gave the label {label!r}, which is none of its classes"
        )
    return _Explained(output, classes.index(label), f"probability of {label}")


def _contributions(
    features: Sequence[str], values: Any, reference: Any, shares: Shares
) -> tuple[Contribution, ...]:
    columns = (features, values, reference, shares.amounts, shares.errors)
    return tuple(
        Contribution(
            feature=feature,
            value=_told(value),
            reference=_told(start),
            amount=amount,
            error=error,
        )
        for feature, value, start, amount, error in zip(*columns, strict=True)
    )


def _told(value: Any) -> float | str:
    return float(value) if value == value else "missing"


def _batches(items: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]
