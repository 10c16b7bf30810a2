"""Models of scikit-learn, exported to ONNX and compared with the original.

The export has one input, `input` (FP32, rows by features), and the outputs
`label` and `probabilities` of a classifier or `variable` of a regressor.
"""

import warnings
from typing import Any

from roadbed.core.errors import Invalid, NotReady
from roadbed.registry.examples import classes_of, has_missing, means_of, rows_of
from roadbed.registry.exporter import Exported, Parity, TensorSpec

TOLERANCE = 1e-5
WIDE_TOLERANCE = 1e-4
# The converter has no error of its own: it lets through whatever happens inside.
_FOREIGN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_DATATYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(int64)": "INT64",
    "tensor(string)": "BYTES",
}


class SklearnExporter:
    """Exports classifiers with `predict_proba` and regressors of one target."""

    def export(self, model: Any, example: Any) -> Exported:
        """Return *model* as ONNX that predicts the same on the rows of *example*.

        *example* is a frame or a two-dimensional array of numbers: the training
        rows, or rows like them. Its column means become the reference row of
        explanations. Raises Invalid if the model cannot be exported, ParityFailed
        if the export's output differs by more than 1e-5, or decides one row
        differently. Outputs larger than 1 are compared relative to the largest. The
        limit is 1e-4 for a model that amplifies float32's own rounding: where
        rounding the inputs alone moves the original by more than 1e-6;
        `parity.reason` then says so.
        """
        classifies = _check_model(model)
        rows, features = rows_of(example, model)
        artifact = _convert(model, classifies, len(features))
        session = _session(artifact)
        parity = _compare(session, model, example, rows, classifies)
        parity.check()
        return Exported(
            artifact=artifact,
            format="onnx",
            inputs=tuple(_spec(node) for node in session.get_inputs()),
            outputs=tuple(_spec(node) for node in session.get_outputs()),
            features=features,
            classes=classes_of(model) if classifies else (),
            missing=has_missing(rows),
            explained="probabilities" if classifies else "variable",
            reference=means_of(rows),
            parity=parity,
            made_from=_made_from(model),
        )


exporter = SklearnExporter


def _check_model(model: Any) -> bool:
    """Say whether *model* classifies; raise Invalid if it cannot be served."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    name = type(model).__name__
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise Invalid(f"this {name} is not fitted", hint="call fit first") from None
    except TypeError:
        raise Invalid(f"a {name} is no estimator of scikit-learn") from None
    if is_regressor(model):
        return False
    if not is_classifier(model):
        raise Invalid(
            f"a {name} neither classifies nor regresses",
            hint="register a classifier or a regressor, or a pipeline that ends in one",
        )
    if not hasattr(model, "predict_proba"):
        raise Invalid(
            f"a {name} gives no probabilities",
            hint="wrap it in sklearn.calibration.CalibratedClassifierCV",
        )
    return True


def _convert(model: Any, classifies: bool, features: int) -> bytes:
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError:
        raise NotReady(
            "exporting needs skl2onnx, which is not installed",
            hint="install Roadbed with its extra `sklearn`",
        ) from None
    options = {id(model): {"zipmap": False}} if classifies else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted: Any = convert_sklearn(
                model,
                "roadbed",
                [("input", FloatTensorType([None, features]))],
                options=options,
            )
    except _FOREIGN as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise Invalid(
            f"this {_described(model)} cannot be exported to ONNX: {reason}",
            hint="choose an estimator that skl2onnx converts; see "
            "https://onnx.ai/sklearn-onnx/supported.html",
        ) from None
    return converted.SerializeToString()


def _session(artifact: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        artifact, options, providers=["CPUExecutionProvider"]
    )


def _compare(
    session: Any, model: Any, example: Any, rows: Any, classifies: bool
) -> Parity:
    """Measure how far the export is from the original on the rows of *example*."""
    import numpy as np

    rounded = _rounded(rows)
    labels, expected = _predict(model, example, classifies)
    exported = session.run(None, {"input": rounded})
    flips = int(np.sum(exported[0] != labels)) if classifies else 0
    scale = max(1.0, float(np.max(np.abs(expected))))
    difference = float(np.max(np.abs(exported[-1] - expected))) / scale
    again = _predict(model, _like(example, rounded), classifies)[1]
    moved = float(np.max(np.abs(again - expected))) / scale
    wide = moved > TOLERANCE / 10
    return Parity(
        rows=len(rows),
        difference=difference,
        scale=scale,
        tolerance=WIDE_TOLERANCE if wide else TOLERANCE,
        reason=f"rounding the inputs to float32 alone moves the original by {moved:.2g}"
        if wide
        else "the limit for every export",
        flips=flips,
    )


def _predict(model: Any, example: Any, classifies: bool) -> tuple[Any, Any]:
    """Return labels, as the export writes them, and outputs as rows by columns."""
    import numpy as np

    try:
        labels = np.asarray(model.predict(example))
        outputs = np.asarray(model.predict_proba(example) if classifies else labels)
    except ValueError as error:
        reason = str(error).strip().partition("\n")[0]
        raise Invalid(f"the model does not take the example: {reason}") from None
    if outputs.ndim > 2 or labels.ndim > 1:
        raise Invalid(
            "the model predicts several targets",
            hint="register one model for each target",
        )
    if labels.dtype.kind in "bf":
        labels = labels.astype(np.int64)
    return labels, outputs.reshape(len(labels), -1)


def _rounded(rows: Any) -> Any:
    import numpy as np

    with np.errstate(over="ignore"):
        rounded = rows.astype(np.float32)
    if np.isinf(rounded).any():
        raise Invalid(
            "the example holds numbers that float32 cannot hold",
            hint="scale the features; what is served takes float32",
        )
    return rounded


def _like(example: Any, rounded: Any) -> Any:
    """Return *rounded* in the form of *example*, so that names are still known."""
    values = rounded.astype("float64")
    if hasattr(example, "columns"):
        return type(example)(values, columns=example.columns)
    return values


def _spec(node: Any) -> TensorSpec:
    shape = tuple(side if isinstance(side, int) else -1 for side in node.shape)
    return TensorSpec(name=node.name, datatype=_DATATYPES[node.type], shape=shape)


def _described(model: Any) -> str:
    steps = getattr(model, "steps", None)
    if steps:
        return "pipeline of " + ", ".join(type(step).__name__ for _, step in steps)
    return type(model).__name__


def _made_from(model: Any) -> dict[str, str]:
    import skl2onnx
    import sklearn

    return {
        "estimator": _described(model),
        "scikit-learn": sklearn.__version__,
        "skl2onnx": skl2onnx.__version__,
    }
