import pytest
from xgboost import XGBClassifier, XGBRegressor, XGBRFRegressor

from roadbed.adapters.exporters.xgboost import XgboostExporter
from roadbed.core.errors import Invalid
from roadbed.testing.exporter_contract import ExporterContract
from tests.adapters.exporters.boosters import DIABETES, TUMORS, WINES


def small(kind=XGBClassifier, **more):
    return kind(n_estimators=5, n_jobs=1, **more)


class TestXgboostExporter(ExporterContract):
    @pytest.fixture
    def exporter(self):
        return XgboostExporter()

    @pytest.fixture
    def fitted(self):
        return small().fit(*TUMORS), TUMORS[0]

    @pytest.fixture
    def unfitted(self):
        return small()


def test_classes_are_those_of_the_estimator():
    exported = XgboostExporter().export(small().fit(*WINES), WINES[0])

    assert exported.classes == (0, 1, 2)
    assert exported.outputs[-1].shape == (-1, 3)


@pytest.mark.parametrize("kind", [XGBRegressor, XGBRFRegressor])
def test_a_regressor_gives_one_value_a_row(kind):
    exported = XgboostExporter().export(small(kind).fit(*DIABETES), DIABETES[0])

    assert exported.explained == "variable"
    assert exported.parity.difference <= 1e-6


def test_trees_after_the_best_one_are_not_served():
    rows, target = DIABETES
    model = XGBRegressor(n_estimators=60, n_jobs=1, early_stopping_rounds=3)
    held = [(rows[300:], target[300:])]
    model.fit(rows[:300], target[:300], eval_set=held, verbose=False)

    assert XgboostExporter().export(model, rows).parity.difference <= 1e-6
    assert model.best_iteration < 59


def test_what_cannot_be_served_is_refused():
    with pytest.raises(Invalid, match="no classifier or regressor"):
        XgboostExporter().export(object(), TUMORS[0])
