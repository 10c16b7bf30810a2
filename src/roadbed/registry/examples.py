"""The rows that an export is compared on, and how far it is from the original."""

from typing import Any

from roadbed.core.errors import Invalid
from roadbed.registry.exporter import Parity


def rows_of(example: Any, model: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the rows as float64, and the names of the features; raise Invalid."""
    import numpy as np

    names = getattr(example, "columns", None)
    if names is None:
        names = getattr(model, "feature_names_in_", None)
    try:
        rows = np.asarray(example, dtype=np.float64)
    except (TypeError, ValueError):
        raise Invalid(
            "the example holds values that are no numbers",
            hint="encode texts and categories before the model, and train on numbers",
        ) from None
    if rows.ndim != 2 or not rows.size:
        raise Invalid(
            f"the example has the shape {list(rows.shape)}; rows by features is needed",
            hint="pass the training rows, or some rows like them",
        )
    expected = getattr(model, "n_features_in_", rows.shape[1])
    if rows.shape[1] != expected:
        raise Invalid(
            f"the example has {rows.shape[1]} features, the model takes {expected}"
        )
    if names is None:
        names = [f"x{place}" for place in range(rows.shape[1])]
    return rows, tuple(str(name) for name in names)


def means_of(rows: Any) -> tuple[float, ...]:
    """Return the mean of each feature; raise Invalid if one has no value at all."""
    import numpy as np

    if np.isnan(rows).all(axis=0).any():
        raise Invalid(
            "a feature of the example has no value in any row",
            hint="drop the feature, or pass rows that have it",
        )
    return tuple(np.nanmean(rows, axis=0).tolist())


def has_missing(rows: Any) -> bool:
    """Say whether a value is missing in any of the rows."""
    import numpy as np

    return bool(np.isnan(rows).any())


def classes_of(model: Any) -> tuple[str | int, ...]:
    """Return the classes of a classifier, as labels that can be sent."""
    values = model.classes_.tolist()
    if any(not isinstance(v, str) and v != int(v) for v in values):
        raise Invalid(
            "the classes are fractions, which no label can be",
            hint="name the classes by texts or whole numbers",
        )
    return tuple(v if isinstance(v, str) else int(v) for v in values)


def compared(
    labels: Any, expected: Any, served_labels: Any, served: Any, limit: float
) -> Parity:
    """Return how far *served* is from what was *expected*, at most *limit*.

    Differences are relative to the largest output, if that is more than 1.
    """
    import numpy as np

    expected = np.asarray(expected).reshape(len(labels), -1)
    flips = 0
    if served_labels is not None:
        flips = int(np.sum(np.asarray(served_labels).astype(str) != _texts(labels)))
    scale = max(1.0, float(np.max(np.abs(expected))))
    return Parity(
        rows=len(labels),
        difference=float(np.max(np.abs(served - expected))) / scale,
        scale=scale,
        tolerance=limit,
        reason="the limit for an artifact of the same library",
        flips=flips,
    )


def _texts(labels: Any) -> Any:
    """Return labels as texts; those that are whole numbers without a fraction."""
    import numpy as np

    found = np.asarray(labels)
    return (found.astype(np.int64) if found.dtype.kind in "bf" else found).astype(str)
