"""What providers of boosted trees promise alike, as tests that each one runs."""

import numpy as np
import pytest

from roadbed.core.errors import Corrupt, ProviderError
from roadbed.inference.call import TensorRequest
from roadbed.inference.provider import Explainer
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.provider_contract import ProviderContract
from tests.adapters.exporters.boosters import DIABETES, TUMORS, WINES
from tests.adapters.providers.local import Bench, ask, tensor

PLANE = (TUMORS[0].iloc[:, :2], TUMORS[1])


class BoosterContract(ProviderContract):
    """Subclass me with a *module*, an *exporter*, a *classifier* and a *regressor*.

    `data` are what classifiers are fit on: features and classes.
    """

    reports_usage = False
    quiet = 0
    data = (TUMORS, WINES)

    def small(self, kind=None):
        kind = kind or self.classifier
        return kind(n_estimators=5, n_jobs=1, verbosity=self.quiet)

    def request(self, text, *, stream=False):
        row = [len(text) % 30, sum(map(ord, text)) % 40]
        return TensorRequest(inputs=(tensor([row]),))

    @pytest.fixture
    def bench(self, tmp_path):
        return Bench(tmp_path / "blobs", self.module, self.exporter())

    @pytest.fixture
    def working(self, bench):
        return bench.opened(self.small().fit(*PLANE), PLANE[0])

    @pytest.fixture
    def broken(self, bench):
        """Of two features by what it says, and of thirty by its file."""
        told = bench.version(self.small().fit(*PLANE), PLANE[0])
        other = bench.version(self.small().fit(*TUMORS), TUMORS[0])
        opened = bench.provider.open(other)
        return bench.broken(told, opened._session)

    @pytest.fixture
    def silent(self):
        return None

    @pytest.fixture
    def cut(self):
        return None

    def test_a_classifier_answers_as_the_estimator_does(self, bench):
        for rows, classes in self.data:
            model = self.small().fit(rows, classes)
            found = ask(bench.open(model, rows), rows)

            assert found["label"].tolist() == model.predict(rows).tolist()
            difference = np.abs(found["probabilities"] - model.predict_proba(rows))
            assert difference.max() < 1e-6

    def test_a_regressor_answers_as_the_estimator_does(self, bench):
        rows, values = DIABETES
        model = self.small(self.regressor).fit(rows, values)
        runner = bench.open(model, rows)
        found = ask(runner, rows)

        assert np.allclose(found["variable"][:, 0], model.predict(rows), rtol=1e-6)
        assert runner.metadata()["platform"] == self.platform

    def test_a_prediction_is_shared_out_among_the_features(self, bench):
        runner = bench.open(self.small().fit(*PLANE), PLANE[0])
        assert isinstance(runner, Explainer)

        told = runner.explain(TensorRequest(inputs=(tensor(PLANE[0][:1]),)), 0)
        moved = sum(c.amount for c in told.contributions)
        assert moved == pytest.approx(told.output - told.reference_output, abs=1e-6)

    def test_a_flipped_artifact_is_not_loaded(self, bench):
        version = bench.version(self.small().fit(*PLANE), PLANE[0])
        file = bench.blobs.path(version.body["artifact"])
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.chmod(0o644)
        file.write_bytes(bytes(data))

        with pytest.raises(Corrupt):
            bench.provider.open(version)

    def test_what_is_no_model_of_this_kind_is_not_loaded(self, bench):
        artifact = bench.blobs.put([b"tree\nversion=v4\n"])
        for name in (self.format, "onnx", "skops"):
            body = {"format": name, "artifact": artifact, "provider": "here"}
            definition = {"trained": body}
            version = ModelVersion(
                model="m", number=1, digest="", definition=definition
            )

            with pytest.raises(ProviderError):
                bench.provider.open(version)

    def test_a_plan_learns_which_formats_are_not_served(self):
        config, unfit = self.module.Config(), self.module.unfit

        assert unfit(config, {"trained": {"format": self.format}}) is None
        assert unfit(config, {"trained": {}}) is None
        for name in ("safetensors", "skops"):
            told = unfit(config, {"trained": {"format": name}})
            assert "registered and verified, and not served" in told
        assert "no trained model" in unfit(config, {"hosted": {}})
