import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor

from roadbed.adapters.exporters.lightgbm import LightgbmExporter
from roadbed.adapters.providers import lightgbm
from roadbed.adapters.providers.lightgbm.provider import LightgbmSession
from roadbed.core.errors import Corrupt, ProviderError
from roadbed.inference.call import TensorRequest
from roadbed.inference.provider import Explainer
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.provider_contract import ProviderContract
from tests.adapters.exporters.boosters import DIABETES, NAMED, TUMORS, WINES
from tests.adapters.providers.local import Bench, ask, tensor

PLANE = (TUMORS[0].iloc[:, :2], TUMORS[1])


def small(kind=LGBMClassifier):
    return kind(n_estimators=5, n_jobs=1, verbosity=QUIET)


QUIET = {"LGBM": -1, "XGB": 0}["LGBM"]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "blobs", lightgbm, LightgbmExporter())


class TestLightgbm(ProviderContract):
    reports_usage = False

    def request(self, text, *, stream=False):
        row = [len(text) % 30, sum(map(ord, text)) % 40]
        return TensorRequest(inputs=(tensor([row]),))

    @pytest.fixture
    def working(self, bench):
        return bench.opened(small().fit(*PLANE), PLANE[0])

    @pytest.fixture
    def broken(self, bench):
        version = bench.version(small().fit(*PLANE), PLANE[0])
        other = small().fit(*TUMORS)
        booster = getattr(other, "booster_", None) or other.get_booster()
        return bench.broken(version, LightgbmSession(booster, (0, 1)))

    @pytest.fixture
    def silent(self):
        return None

    @pytest.fixture
    def cut(self):
        return None


@pytest.mark.parametrize("data", [TUMORS, WINES, (TUMORS[0], NAMED)])
def test_a_classifier_answers_as_the_estimator_does(bench, data):
    model = small().fit(*data) if data[1] is not NAMED else None
    if model is None:
        codes = np.unique(NAMED, return_inverse=True)[1]
        model = small().fit(TUMORS[0], NAMED if QUIET else codes)
    found = ask(bench.open(model, data[0]), data[0])

    assert found["label"].tolist() == model.predict(data[0]).tolist()
    difference = np.abs(found["probabilities"] - model.predict_proba(data[0]))
    assert difference.max() < 1e-6


def test_a_regressor_answers_as_the_estimator_does(bench):
    model = small(LGBMRegressor).fit(*DIABETES)
    runner = bench.open(model, DIABETES[0])
    found = ask(runner, DIABETES[0])

    assert np.allclose(found["variable"][:, 0], model.predict(DIABETES[0]), rtol=1e-6)
    assert runner.metadata()["platform"].startswith("lightgbm")


def test_a_prediction_is_shared_out_among_the_features(bench):
    runner = bench.open(small().fit(*PLANE), PLANE[0])
    assert isinstance(runner, Explainer)

    told = runner.explain(TensorRequest(inputs=(tensor(PLANE[0][:1]),)), 0)
    moved = sum(c.amount for c in told.contributions)
    assert moved == pytest.approx(told.output - told.reference_output, abs=1e-6)


def test_a_flipped_artifact_is_not_loaded(bench):
    version = bench.version(small().fit(*PLANE), PLANE[0])
    file = bench.blobs.path(version.body["artifact"])
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))

    with pytest.raises(Corrupt):
        bench.provider.open(version)


@pytest.mark.parametrize("format_", ["lightgbm", "onnx", "skops"])
def test_what_is_no_model_of_this_kind_is_not_loaded(bench, format_):
    artifact = bench.blobs.put([b"tree\nversion=v4\n"])
    body = {"format": format_, "artifact": artifact, "provider": "here"}
    version = ModelVersion(model="m", number=1, digest="", definition={"trained": body})

    with pytest.raises(ProviderError):
        bench.provider.open(version)


def test_a_plan_learns_which_formats_are_not_served():
    config = lightgbm.Config()

    assert lightgbm.unfit(config, {"trained": {"format": "lightgbm"}}) is None
    assert lightgbm.unfit(config, {"trained": {}}) is None
    for name in ("safetensors", "skops"):
        told = lightgbm.unfit(config, {"trained": {"format": name}})
        assert "registered and verified, and not served" in told
    assert "no trained model" in lightgbm.unfit(config, {"hosted": {}})
