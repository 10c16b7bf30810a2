"""Models of scikit-learn that ONNX cannot hold, kept as skops and compared.

Such a version is registered, signed and verified; no provider serves it, because
loading it builds the types that it names.
"""

import io
import json
import zipfile
from typing import Any

from roadbed.core.errors import Invalid, NotReady
from roadbed.registry.boosters import Booster, export
from roadbed.registry.exporter import Exported

_EPOCH = (1980, 1, 1, 0, 0, 0)


class SkopsExporter:
    """Exports estimators whose types skops trusts, or that scikit-learn has."""

    def export(self, model: Any, example: Any) -> Exported:
        """Return *model* as skops that predicts the same on the rows of *example*.

        Raises Invalid if it cannot be kept, ParityFailed if it differs.
        """
        import sklearn

        if not isinstance(model, sklearn.base.BaseEstimator):
            raise Invalid(f"a {type(model).__name__} is no estimator of scikit-learn")
        _must_be_fitted(model)
        skops = _library()
        artifact = _settled(skops.io.dumps(model))
        made_from = {
            "estimator": type(model).__name__,
            "scikit-learn": sklearn.__version__,
            "skops": skops.__version__,
        }

        def scores(artifact: bytes, rows: Any) -> Any:
            loaded = _loaded(artifact)
            given = _like(example, rows)
            if hasattr(model, "predict_proba"):
                return loaded.predict_proba(given)
            return loaded.predict(given)

        kept = Booster(format="skops", takes="FP64", gives="FP64", scores=scores)
        return export(kept, model, example, artifact, made_from)


exporter = SkopsExporter


def _must_be_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError:
        name = type(model).__name__
        raise Invalid(f"this {name} is not fitted", hint="call fit first") from None


def _library() -> Any:
    try:
        import skops
        import skops.io
    except ImportError:
        raise NotReady(
            "keeping it needs skops, which is not installed",
            hint="install Roadbed with its extra `skops`",
        ) from None
    return skops


def _loaded(artifact: bytes) -> Any:
    """Load what was exported just now; refuse types that are not scikit-learn's."""
    skops = _library()
    named = skops.io.get_untrusted_types(data=artifact)
    foreign = [n for n in named if n.partition(".")[0] not in ("sklearn", "numpy")]
    if foreign:
        raise Invalid(
            f"the model holds a {foreign[0]}, which is no part of scikit-learn",
            hint="build it of scikit-learn's own parts",
        )
    return skops.io.loads(artifact, trusted=named)


def _like(example: Any, rows: Any) -> Any:
    if hasattr(example, "columns"):
        return type(example)(rows, columns=example.columns)
    return rows


def _settled(artifact: bytes) -> bytes:
    """Return the zip without what differs each time: its hour, and addresses."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(artifact)) as read, zipfile.ZipFile(out, "w") as w:
        named: dict[Any, int] = {}
        schema = _renamed(json.loads(read.read("schema.json")), named)
        members = {"schema.json": json.dumps(schema).encode()}
        for name in read.namelist():
            if name != "schema.json":
                members[_new(name, named)] = read.read(name)
        for name, data in sorted(members.items()):
            w.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return out.getvalue()


def _renamed(value: Any, named: dict[Any, int]) -> Any:
    """Return the schema with objects and files numbered as they come."""
    if isinstance(value, list):
        return [_renamed(item, named) for item in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, item in value.items():
        if key == "__id__":
            made[key] = named.setdefault(item, len(named))
        elif key == "file" and isinstance(item, str):
            made[key] = _new(item, named)
        else:
            made[key] = _renamed(item, named)
    return made


def _new(name: str, named: dict[Any, int]) -> str:
    stem, dot, kind = name.rpartition(".")
    return f"file-{named.setdefault(stem, len(named))}{dot}{kind}"
