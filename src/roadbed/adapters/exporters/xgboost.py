"""Models of XGBoost, as universal binary JSON, compared with the original.

One input, `input` (FP32, rows by features: what the library computes with), and the
outputs `label` and `probabilities` of a classifier or `variable` of a regressor.
"""

from typing import Any

from roadbed.core.errors import Invalid
from roadbed.registry.boosters import Booster, export
from roadbed.registry.exporter import Exported


class XgboostExporter:
    """Exports `XGBClassifier` and `XGBRegressor`, and their random forests."""

    def export(self, model: Any, example: Any) -> Exported:
        """Return *model* as bytes that predict the same on the rows of *example*.

        Raises Invalid if it cannot be exported, ParityFailed if it differs.
        """
        import xgboost

        if not isinstance(model, xgboost.XGBClassifier | xgboost.XGBRegressor):
            raise Invalid(
                f"a {type(model).__name__} is no classifier or regressor of XGBoost",
                hint="register an XGBClassifier or an XGBRegressor",
            )
        if not model.__sklearn_is_fitted__():
            raise Invalid("this model is not fitted", hint="call fit first")
        booster = model.get_booster()
        if (best := booster.attr("best_iteration")) is not None:
            booster = booster[: int(best) + 1]
        artifact = bytes(booster.save_raw("ubj"))
        made_from = {"estimator": type(model).__name__, "xgboost": xgboost.__version__}
        return export(_XGBOOST, model, example, artifact, made_from)


exporter = XgboostExporter


def _scores(artifact: bytes, rows: Any) -> Any:
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(artifact))
    return booster.inplace_predict(rows, validate_features=False)


_XGBOOST = Booster(format="xgboost", takes="FP32", gives="FP32", scores=_scores)
