"""What a booster computes, as the outputs that a version promises."""

from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.registry.exporter import TensorSpec

LABEL, PROBABILITIES, VARIABLE = "label", "probabilities", "variable"


def outputs_of(scores: Any, classes: Sequence[str | int]) -> dict[str, Any]:
    """Return the outputs for *scores*, which a booster computed for some rows.

    Of a classifier these are probabilities, one a row where there are two *classes*;
    of a regressor, without classes, values. Floats keep their width.
    """
    import numpy as np

    if not classes:
        return {VARIABLE: np.ascontiguousarray(scores).reshape(-1, 1)}
    table = np.asarray(scores)
    if len(classes) == 2 and (table.ndim == 1 or table.shape[1] == 1):
        table = table.reshape(-1)
        table = np.stack([1 - table, table], axis=1)
    named = isinstance(classes[0], str)
    labels = np.array(classes, dtype=object if named else np.int64)
    return {
        LABEL: labels[table.argmax(axis=1)],
        PROBABILITIES: np.ascontiguousarray(table),
    }


def signature_of(
    classes: Sequence[str | int], features: int, datatype: str, scores: str
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return inputs and outputs: rows of *datatype* in, *scores* out."""
    taken = TensorSpec(name="input", datatype=datatype, shape=(-1, features))
    if not classes:
        return (taken,), (TensorSpec(name=VARIABLE, datatype=scores, shape=(-1, 1)),)
    kind = "BYTES" if isinstance(classes[0], str) else "INT64"
    label = TensorSpec(name=LABEL, datatype=kind, shape=(-1,))
    table = TensorSpec(name=PROBABILITIES, datatype=scores, shape=(-1, len(classes)))
    return (taken,), (label, table)


def classes_in(body: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return the classes of a registered version, none of a regressor."""
    return tuple(body.get("classes", ()))
