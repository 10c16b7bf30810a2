import numpy as np
import onnxruntime
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from roadbed.adapters.exporters.sklearn import SklearnExporter
from roadbed.core.errors import Invalid
from roadbed.registry.exporter import Parity, ParityFailed
from roadbed.testing.exporter_contract import ExporterContract

TUMORS = load_breast_cancer(return_X_y=True, as_frame=True)
WINES = load_wine(return_X_y=True, as_frame=True)
DIABETES = load_diabetes(return_X_y=True, as_frame=True)


def linear():
    return make_pipeline(StandardScaler(), LogisticRegression())


def export(model, rows, target):
    return SklearnExporter().export(model.fit(rows, target), rows)


def run(exported, rows):
    session = onnxruntime.InferenceSession(exported.artifact)
    return session.run(None, {"input": np.asarray(rows, np.float32)})


class TestSklearnExporter(ExporterContract):
    @pytest.fixture
    def exporter(self):
        return SklearnExporter()

    @pytest.fixture
    def fitted(self):
        return linear().fit(*TUMORS), TUMORS[0]

    @pytest.fixture
    def unfitted(self):
        return linear()


@pytest.mark.parametrize(
    "model",
    [
        linear(),
        RandomForestClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=20, random_state=0),
        DecisionTreeClassifier(random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_classifier_predicts_the_same_as_onnx(model):
    exported = export(model, *WINES)
    labels, probabilities = run(exported, WINES[0])

    assert labels.tolist() == model.predict(WINES[0]).tolist()
    assert np.abs(probabilities - model.predict_proba(WINES[0])).max() < 1e-5
    assert exported.classes == (0, 1, 2)
    assert exported.features == tuple(WINES[0].columns)


@pytest.mark.parametrize(
    "model", [make_pipeline(StandardScaler(), Ridge()), RandomForestRegressor(20)]
)
def test_a_regressor_is_compared_relative_to_its_largest_value(model):
    exported = export(model, *DIABETES)
    (values,) = run(exported, DIABETES[0])

    assert exported.explained == "variable"
    assert exported.parity.scale == pytest.approx(model.predict(DIABETES[0]).max())
    assert np.abs(values[:, 0] - model.predict(DIABETES[0])).max() < 1e-2


def test_the_reference_row_is_the_mean_of_the_example():
    exported = export(linear(), *TUMORS)

    assert exported.reference == pytest.approx(TUMORS[0].mean().tolist())


@pytest.mark.parametrize("labels", [["benign", "malignant"], [False, True], [0.0, 1.0]])
def test_classes_are_texts_or_whole_numbers(labels):
    target = np.array(labels)[TUMORS[1]]
    exported = export(linear(), TUMORS[0], target)

    assert exported.classes in (("benign", "malignant"), (0, 1))


def test_an_array_has_features_without_names():
    exported = export(linear(), TUMORS[0].to_numpy(), TUMORS[1])

    assert exported.features[:2] == ("x0", "x1")


def test_a_model_that_takes_missing_values_may_say_so():
    rows = DIABETES[0].copy()
    rows.iloc[3, 0] = np.nan
    model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge())

    assert export(model, rows, DIABETES[1]).missing
    assert not export(model, *DIABETES).missing


def test_a_model_that_amplifies_rounding_gets_the_wider_limit_and_the_reason():
    rows = np.linspace(0, 1, 60).reshape(-1, 1) + 1_000
    model = LogisticRegression(C=1e6, max_iter=10_000)
    model.fit(rows, rows[:, 0] > 1_000.52)
    model.coef_, model.intercept_ = np.array([[2.0]]), np.array([-2_001.03])

    parity = SklearnExporter().export(model, rows).parity

    assert parity.tolerance == 1e-4
    assert "rounding the inputs to float32 alone" in parity.reason


def test_an_export_that_decides_differently_is_refused():
    rows = 2.0**24 + np.arange(40).reshape(-1, 1)  # float32 knows every other number
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6))

    with pytest.raises(ParityFailed, match="decides differently on") as caught:
        export(model, rows, np.arange(40) > 20)
    assert isinstance(caught.value, Invalid)


@pytest.mark.parametrize(
    ("difference", "flips", "passes"),
    [(1e-5, 0, True), (1.1e-5, 0, False), (0.0, 1, False), (float("nan"), 0, False)],
)
def test_parity_is_a_limit_and_no_flips(difference, flips, passes):
    parity = Parity(
        rows=9, difference=difference, scale=1, tolerance=1e-5, reason="", flips=flips
    )

    if passes:
        assert parity.check() is None
        return
    with pytest.raises(ParityFailed, match=r"decides differently|differs from"):
        parity.check()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (HistGradientBoostingClassifier(max_iter=3), "cannot be exported to ONNX"),
        (LinearSVC(), "gives no probabilities"),
        (KMeans(2), "neither classifies nor regresses"),
        (
            make_pipeline(
                ColumnTransformer([("a", StandardScaler(), ["mean radius"])]),
                LogisticRegression(),
            ),
            "cannot be exported to ONNX",
        ),
    ],
    ids=["hist", "svc", "kmeans", "by-name"],
)
def test_a_model_that_cannot_be_served_is_refused_with_a_way_out(model, message):
    with pytest.raises(Invalid, match=message) as caught:
        export(model, *TUMORS)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (DIABETES[0].iloc[:0], "rows by features is needed"),
        (DIABETES[0].iloc[:, :3], "has 3 features, the model takes 10"),
        (DIABETES[0] * 1e300, "float32 cannot hold"),
        (DIABETES[0].replace(DIABETES[0].iloc[0, 0], np.nan), "contains NaN"),
        ([["a"] * 10], "no numbers"),
    ],
)
def test_an_example_that_does_not_fit_is_refused(example, message):
    model = LinearRegression().fit(*DIABETES)

    with pytest.raises(Invalid, match=message):
        SklearnExporter().export(model, example)


def test_what_is_no_estimator_is_refused():
    with pytest.raises(Invalid, match="no estimator"):
        SklearnExporter().export(object(), DIABETES[0])


def test_several_targets_are_refused():
    both = np.column_stack([DIABETES[1], DIABETES[1]])

    with pytest.raises(Invalid, match="several targets"):
        export(LinearRegression(), DIABETES[0], both)
