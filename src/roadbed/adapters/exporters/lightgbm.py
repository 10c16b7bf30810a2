"""Models of LightGBM, as the text of their booster, compared with the original.

One input, `input` (FP64, rows by features: thresholds are doubles), and the outputs
`label` and `probabilities` of a classifier or `variable` of a regressor.
"""

from typing import Any

from roadbed.core.errors import Invalid
from roadbed.registry.boosters import Booster, export
from roadbed.registry.exporter import Exported


class LightgbmExporter:
    """Exports `LGBMClassifier` and `LGBMRegressor`."""

    def export(self, model: Any, example: Any) -> Exported:
        """Return *model* as text that predicts the same on the rows of *example*.

        Raises Invalid if it cannot be exported, ParityFailed if it differs.
        """
        import lightgbm

        estimators = (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor)
        if not isinstance(model, estimators):
            raise Invalid(
                f"a {type(model).__name__} is no classifier or regressor of LightGBM",
                hint="register an LGBMClassifier or an LGBMRegressor",
            )
        if not model.__sklearn_is_fitted__():
            raise Invalid("this model is not fitted", hint="call fit first")
        if callable(model.objective):
            raise Invalid(
                "the model has an objective of its own, which no artifact holds",
                hint="train with one of LightGBM's objectives",
            )
        artifact = model.booster_.model_to_string(num_iteration=_best(model)).encode()
        made_from = {
            "estimator": type(model).__name__,
            "lightgbm": lightgbm.__version__,
        }
        return export(_LIGHTGBM, model, example, artifact, made_from)


exporter = LightgbmExporter


def _best(model: Any) -> int:
    """Return how many iterations the estimator predicts with."""
    return int(model.best_iteration_ or -1)


def _scores(artifact: bytes, rows: Any) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=artifact.decode()).predict(rows, num_threads=1)


_LIGHTGBM = Booster(format="lightgbm", takes="FP64", gives="FP64", scores=_scores)
