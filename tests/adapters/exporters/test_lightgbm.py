import pytest
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor, early_stopping

from roadbed.adapters.exporters.lightgbm import LightgbmExporter
from roadbed.core.errors import Invalid
from roadbed.testing.exporter_contract import ExporterContract
from tests.adapters.exporters.boosters import DIABETES, NAMED, TUMORS, WINES


def small(kind=LGBMClassifier, **more):
    return kind(n_estimators=5, n_jobs=1, verbose=-1, **more)


class TestLightgbmExporter(ExporterContract):
    @pytest.fixture
    def exporter(self):
        return LightgbmExporter()

    @pytest.fixture
    def fitted(self):
        return small().fit(*TUMORS), TUMORS[0]

    @pytest.fixture
    def unfitted(self):
        return small()


def test_classes_are_those_of_the_estimator():
    several = LightgbmExporter().export(small().fit(*WINES), WINES[0])
    named = LightgbmExporter().export(small().fit(TUMORS[0], NAMED), TUMORS[0])

    assert several.classes == (0, 1, 2)
    assert several.outputs[-1].shape == (-1, 3)
    assert named.classes == ("benign", "malignant")
    assert named.outputs[0].datatype == "BYTES"


def test_a_regressor_gives_one_value_a_row():
    exported = LightgbmExporter().export(
        small(LGBMRegressor).fit(*DIABETES), DIABETES[0]
    )

    assert exported.explained == "variable"
    assert exported.classes == ()
    assert exported.parity.difference <= 1e-6


def test_trees_after_the_best_one_are_not_served():
    model = LGBMRegressor(n_estimators=60, verbose=-1, n_jobs=1)
    rows, target = DIABETES
    model.fit(
        rows[:300],
        target[:300],
        eval_set=[(rows[300:], target[300:])],
        callbacks=[early_stopping(3, verbose=False)],
    )

    exported = LightgbmExporter().export(model, rows)
    assert exported.artifact.count(b"\nTree=") == model.best_iteration_


def test_what_cannot_be_served_is_refused():
    for model in (LGBMRanker(), object()):
        with pytest.raises(Invalid, match="no classifier or regressor"):
            LightgbmExporter().export(model, TUMORS[0])
