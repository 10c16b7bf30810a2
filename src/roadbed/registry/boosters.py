"""Exports a fitted booster with the estimator around it, compared with itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from roadbed.core.errors import Invalid
from roadbed.registry.examples import (
    classes_of,
    compared,
    has_missing,
    means_of,
    rows_of,
)
from roadbed.registry.exporter import Exported
from roadbed.registry.serving.outputs import (
    LABEL,
    PROBABILITIES,
    VARIABLE,
    outputs_of,
    signature_of,
)

TOLERANCE = 1e-6
"""The artifact is of the same library: it differs by rounding, or it is another."""


class Scores(Protocol):
    """Computes scores from the artifact, as the provider does that serves it."""

    def __call__(self, artifact: bytes, rows: Any) -> Any:
        """Return the scores for *rows*, as they were sent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Booster:
    """A library of boosters: its format, what goes in and comes out, how it scores."""

    format: str
    takes: str
    gives: str
    scores: Scores


def export(
    booster: Booster,
    model: Any,
    example: Any,
    artifact: bytes,
    made_from: Mapping[str, str],
) -> Exported:
    """Return the fitted estimator *model* as *artifact*, compared on every row.

    Raises Invalid for what is no classifier or regressor of one target, ParityFailed
    if the artifact does not predict what the estimator does.
    """
    rows, features = rows_of(example, model)
    classes = classes_of(model) if hasattr(model, "predict_proba") else ()
    sent = rows.astype("float32" if booster.takes == "FP32" else "float64")
    served = outputs_of(booster.scores(artifact, sent), classes)
    labels, expected = _predicted(model, example, classified=bool(classes))
    explained = PROBABILITIES if classes else VARIABLE
    parity = compared(labels, expected, served.get(LABEL), served[explained], TOLERANCE)
    parity.check()
    takes, gives = signature_of(classes, len(features), booster.takes, booster.gives)
    return Exported(
        artifact=artifact,
        format=booster.format,
        inputs=takes,
        outputs=gives,
        features=features,
        classes=classes,
        missing=has_missing(rows),
        explained=explained,
        reference=means_of(rows),
        parity=parity,
        made_from=made_from,
    )


def _predicted(model: Any, example: Any, *, classified: bool) -> tuple[Any, Any]:
    import numpy as np

    try:
        labels = np.asarray(model.predict(example))
        outputs = np.asarray(model.predict_proba(example)) if classified else labels
    except ValueError as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise Invalid(f"the model does not take the example: {reason}") from None
    if labels.ndim > 1 or outputs.ndim > 2:
        raise Invalid(
            "the model predicts several targets",
            hint="register one model for each target",
        )
    return labels, outputs
