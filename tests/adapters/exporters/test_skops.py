import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from roadbed.adapters.exporters.skops import SkopsExporter
from roadbed.core.errors import Invalid
from roadbed.testing.exporter_contract import ExporterContract
from tests.adapters.exporters.boosters import TUMORS


class TestSkopsExporter(ExporterContract):
    @pytest.fixture
    def exporter(self):
        return SkopsExporter()

    @pytest.fixture
    def fitted(self):
        model = HistGradientBoostingClassifier(max_iter=3)
        return model.fit(*TUMORS), TUMORS[0]

    @pytest.fixture
    def unfitted(self):
        return LogisticRegression()


def double(rows):
    return rows * 2


def test_a_function_of_somebodys_own_is_refused():
    model = make_pipeline(
        FunctionTransformer(double), StandardScaler(), LogisticRegression()
    )

    with pytest.raises(Invalid, match="no part of scikit-learn"):
        SkopsExporter().export(model.fit(*TUMORS), TUMORS[0])
