import asyncio
import math
import subprocess
import sys
import time

import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.exporters.sklearn import SklearnExporter
from roadbed.adapters.providers.onnx import Config, provider, unfit
from roadbed.core.errors import Corrupt, Invalid, ProviderError, TimedOut
from roadbed.inference.call import TensorRequest
from roadbed.inference.provider import Explainer
from roadbed.inference.snapshot import ModelVersion
from roadbed.inference.tensor import DATATYPES, Tensor, from_bytes, from_values
from roadbed.registry.serving.tensors import Port, from_array, to_array
from roadbed.testing.provider_contract import (
    Opened,
    ProviderContract,
    answer,
    chat_request,
)

TUMORS = load_breast_cancer(return_X_y=True, as_frame=True)
WINES = load_wine(return_X_y=True, as_frame=True)
DIABETES = load_diabetes(return_X_y=True, as_frame=True)
LINEAR = make_pipeline(StandardScaler(), LogisticRegression()).fit(*TUMORS)


def tensor(rows, datatype="FP32", name="input"):
    rows = np.asarray(rows, dtype=np.float64)
    return from_values(name, datatype, list(rows.shape), rows.tolist())


def ask(runner, rows, **fields):
    request = TensorRequest(inputs=(tensor(rows),), **fields)
    return asyncio.run(answer(runner, request))[-1]


def values(chunk, name):
    (found,) = [t for t in chunk.tensors if t.name == name]
    return np.array(found.values()).reshape(found.shape)


def version_of(definition):
    return ModelVersion(model="triage", number=1, digest="", definition=definition)


class Bench:
    """A blob store and a provider; what is exported can be opened."""

    def __init__(self, folder, config=None):
        self.blobs = LocalBlobs(folder)
        self.provider = provider(config or Config(), self.blobs, None)

    def register(self, model, example):
        exported = SklearnExporter().export(model, example)
        artifact = self.blobs.put([exported.artifact])
        return version_of(exported.definition("here", artifact, "run"))

    def open(self, model, example):
        return self.provider.open(self.register(model, example))

    def open_raw(self, graph, datatype="FP32"):
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
        )
        spec = {"name": "input", "datatype": datatype, "shape": [-1, 2]}
        body = {
            "provider": "here",
            "format": "onnx",
            "artifact": self.blobs.put([model.SerializeToString()]),
            "signature": {"inputs": [spec], "outputs": [{**spec, "name": "out"}]},
        }
        return self.provider.open(version_of({"trained": body}))


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "blobs")


@pytest.fixture
def runner(bench):
    return bench.open(LINEAR, TUMORS[0])


def graph(nodes, kind=TensorProto.FLOAT, tensors=()):
    return helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", kind, [None, 2])],
        [helper.make_tensor_value_info("out", kind, [None, 2])],
        list(tensors),
    )


def fussy():
    """A model that fails unless all values are small: it looks one up in a list."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])
    place = helper.make_node("Cast", ["input"], ["place"], to=TensorProto.INT64)
    look = helper.make_node("Gather", ["table", "place"], ["out"])
    return graph([place, look], tensors=[table])


class TestOnnx(ProviderContract):
    reports_usage = False

    def request(self, text, *, stream=False):
        row = [len(text) % 3, sum(map(ord, text)) % 3]
        return TensorRequest(inputs=(tensor([row]),))

    @pytest.fixture
    def working(self, bench):
        return Opened(bench.provider, bench.open_raw(fussy()))

    @pytest.fixture
    def broken(self, bench):
        opened = Opened(bench.provider, bench.open_raw(fussy()))
        self.request = lambda text, *, stream=False: TensorRequest(
            inputs=(tensor([[900, 900]]),)
        )
        return opened

    @pytest.fixture
    def silent(self):
        return None

    @pytest.fixture
    def cut(self):
        return None


def test_a_prediction_is_the_one_that_scikit_learn_makes(runner):
    chunk = ask(runner, TUMORS[0])

    assert values(chunk, "label").tolist() == LINEAR.predict(TUMORS[0]).tolist()
    assert (
        np.abs(values(chunk, "probabilities") - LINEAR.predict_proba(TUMORS[0])).max()
        < 1e-5
    )


def test_texts_as_labels_come_as_bytes(bench):
    names = np.array(["malignant", "benign"])[TUMORS[1]]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    runner = bench.open(model.fit(TUMORS[0], names), TUMORS[0])

    (label, _) = ask(runner, TUMORS[0][:2]).tensors

    assert (label.datatype, label.shape) == ("BYTES", (2,))
    assert label.values() == ["malignant", "malignant"]


def test_metadata_says_what_to_send_and_what_comes(runner):
    facts = runner.metadata()

    assert facts["platform"] == "onnx_onnxv1"
    assert facts["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 30]}]
    assert [spec["name"] for spec in facts["outputs"]] == ["label", "probabilities"]
    assert isinstance(runner, Explainer)


def test_only_the_outputs_that_were_asked_for_come(runner):
    chunk = ask(runner, TUMORS[0][:3], outputs=("probabilities",))

    assert [t.name for t in chunk.tensors] == ["probabilities"]
    assert chunk.finish == "stop"


@pytest.mark.parametrize("datatype", ["FP64", "FP16", "INT64", "INT8", "UINT32"])
def test_other_numbers_are_taken_as_floats(bench, datatype):
    runner = bench.open_raw(graph([helper.make_node("Identity", ["input"], ["out"])]))
    request = TensorRequest(inputs=(from_values("input", datatype, [1, 2], [[3, 4]]),))

    chunk = asyncio.run(answer(runner, request))[-1]

    assert values(chunk, "out").tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (from_values("x", "FP32", [1, 30], [0.0] * 30), "'x' are not those"),
        (from_values("input", "FP32", [30], [0.0] * 30), r"the shape \[30\]"),
        (from_values("input", "FP32", [1, 29], [0.0] * 29), r"the shape \[1, 29\]"),
        (from_values("input", "FP32", [0, 30], []), "no rows"),
        (from_values("input", "BYTES", [1, 30], ["a"] * 30), "is BYTES"),
        (from_values("input", "FP64", [1, 30], [1e300] * 30), "too large for FP32"),
        (
            from_values("input", "FP32", [2, 30], [0.0] * 32 + [math.nan] + [0.0] * 27),
            "row 1, feature 'mean perimeter': nan is no number",
        ),
        (from_values("input", "FP32", [1, 30], [math.inf] * 30), "inf is no number"),
        (from_bytes("input", "FP32", [], b"\0\0\0\0"), r"the shape \[\]"),
    ],
)
def test_what_the_model_does_not_take_is_refused(runner, sent, message):
    with pytest.raises(Invalid, match=message):
        asyncio.run(answer(runner, TensorRequest(inputs=(sent,))))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (TensorRequest(inputs=()), "the inputs of the request"),
        (TensorRequest(inputs=(tensor([[0.0] * 30]),) * 2), "'input', 'input'"),
        (
            TensorRequest(inputs=(tensor([[0.0] * 30]),), outputs=("odds",)),
            "no output 'odds'",
        ),
        (chat_request("hello"), "takes arrays, not a conversation"),
    ],
)
def test_a_request_of_the_wrong_form_says_what_is_right(runner, request_, message):
    with pytest.raises(Invalid, match=message) as caught:
        asyncio.run(answer(runner, request_))

    assert caught.value.hint


def test_more_rows_than_allowed_are_refused(tmp_path):
    runner = Bench(tmp_path, Config(max_rows=5)).open(LINEAR, TUMORS[0])

    with pytest.raises(Invalid, match="6 rows are more"):
        ask(runner, TUMORS[0][:6])


def test_missing_values_pass_where_the_model_was_trained_on_them(bench):
    rows = DIABETES[0].copy()
    rows.iloc[0, 0] = np.nan
    model = make_pipeline(SimpleImputer(), Ridge()).fit(rows, DIABETES[1])
    runner = bench.open(model, rows)

    chunk = ask(runner, rows[:1])
    explained = runner.explain(TensorRequest(inputs=(tensor(rows[:1]),)), 0)

    assert values(chunk, "variable")[0, 0] == pytest.approx(model.predict(rows[:1])[0])
    assert explained.contributions[0].value == "missing"


@pytest.mark.parametrize(
    ("sent", "fits"),
    [
        (from_values("input", "INT32", [1, 2], [[1, 2]]), True),
        (from_values("input", "UINT64", [1, 2], [[1, 2**63]]), False),
        (from_values("input", "FP32", [1, 2], [[1, 2]]), False),
        (from_values("input", "BOOL", [1, 2], [[True, False]]), True),
    ],
)
def test_whole_numbers_are_never_made_of_fractions(bench, sent, fits):
    same = helper.make_node("Identity", ["input"], ["out"])
    runner = bench.open_raw(graph([same], TensorProto.INT64), "INT64")

    try:
        chunk = asyncio.run(answer(runner, TensorRequest(inputs=(sent,))))[-1]
        assert fits
        assert values(chunk, "out").tolist() == np.int64([sent.values()]).tolist()
    except Invalid as error:
        assert not fits, error


def test_the_event_loop_goes_on_while_a_large_batch_is_computed(bench):
    model = RandomForestClassifier(300, random_state=0).fit(*WINES)
    runner = bench.open(model, WINES[0])
    rows = np.tile(WINES[0].to_numpy(), (200, 1))
    request = TensorRequest(inputs=(tensor(rows),))
    beats = []

    async def go():
        async def beat():
            while True:
                beats.append(time.monotonic())
                await asyncio.sleep(0.005)

        task = asyncio.create_task(beat())
        await answer(runner, request)
        task.cancel()

    asyncio.run(go())

    assert len(beats) > 5


def test_a_batch_that_takes_too_long_is_ended_at_the_deadline(bench):
    model = RandomForestClassifier(300, random_state=0).fit(*WINES)
    runner = bench.open(model, WINES[0])
    rows = np.tile(WINES[0].to_numpy(), (500, 1))
    request = TensorRequest(inputs=(tensor(rows),))

    with pytest.raises(TimedOut, match="89000 rows"):
        asyncio.run(answer(runner, request, deadline_ms=1))


def test_one_changed_byte_is_never_served(bench, tmp_path):
    version = bench.register(LINEAR, TUMORS[0])
    name = version.body["artifact"].removeprefix("sha256:")
    file = tmp_path / "blobs" / "sha256" / name[:2] / name[2:]
    data = bytearray(file.read_bytes())
    data[-40] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)

    with pytest.raises(Corrupt):
        bench.provider.open(version)


def test_weights_outside_the_file_are_refused(bench):
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [0.0, 0.0])
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    place = weight.external_data.add()
    place.key, place.value = "location", "weights.bin"
    add = helper.make_node("Add", ["input", "w"], ["out"])

    with pytest.raises(ProviderError, match="outside its file"):
        bench.open_raw(graph([add], tensors=[weight]))


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"hosted": {}}, "no trained model"),
        ({"trained": {}}, "cannot be loaded"),
        ({"trained": {"format": "pickle"}}, "no trained model in the ONNX format"),
        (
            {"trained": {"format": "onnx", "artifact": "sha256:" + "0" * 64}},
            "there is no blob",
        ),
    ],
)
def test_what_cannot_be_loaded_is_a_provider_error(bench, definition, message):
    with pytest.raises(ProviderError, match=message):
        bench.provider.open(version_of(definition))


def test_a_hosted_model_is_refused_when_it_is_planned():
    assert unfit(Config(), {"trained": {"provider": "local"}}) is None
    assert "no trained model" in unfit(Config(), {"hosted": {"provider": "local"}})


def test_bytes_that_are_no_model_are_a_provider_error(bench):
    version = bench.register(LINEAR, TUMORS[0])
    body = dict(version.body) | {"artifact": bench.blobs.put([b"\x0a\x03abc"])}

    with pytest.raises(ProviderError):
        bench.provider.open(version_of({"trained": body}))


def test_a_file_that_is_not_what_was_registered_is_refused(bench):
    version = bench.register(LINEAR, TUMORS[0])
    body = dict(version.body)
    body["signature"] = {**body["signature"], "outputs": []}

    with pytest.raises(ProviderError, match="registered with the outputs"):
        bench.provider.open(version_of({"trained": body}))


def test_contributions_add_up_to_the_distance_from_the_mean(runner):
    request = TensorRequest(inputs=(tensor(TUMORS[0][:3]),))
    explained = runner.explain(request, 2)
    probability = LINEAR.predict_proba(TUMORS[0][2:3])[0]

    total = math.fsum(c.amount for c in explained.contributions)
    assert explained.reference_output + total == pytest.approx(
        explained.output, abs=1e-9
    )
    assert explained.output == pytest.approx(probability.max(), abs=1e-5)
    assert explained.output_name == f"probability of {probability.argmax()}"
    assert len(explained.contributions) == 30
    assert max(c.error for c in explained.contributions) < 0.02


def test_contributions_to_a_linear_value_are_weight_times_distance(bench):
    rows = DIABETES[0].iloc[:, :5]
    model = Ridge(alpha=0.1).fit(rows, DIABETES[1])
    runner = bench.open(model, rows)
    explained = runner.explain(TensorRequest(inputs=(tensor(rows[:1]),)), 0)

    expected = model.coef_ * (rows.iloc[0] - rows.mean())
    assert explained.method == "shapley-exact"
    assert [c.amount for c in explained.contributions] == pytest.approx(
        expected.tolist(), abs=1e-3
    )
    assert [c.reference for c in explained.contributions] == pytest.approx(
        rows.mean().tolist(), abs=1e-6
    )


def test_the_same_input_is_explained_the_same_way_by_another_runner(bench):
    request = TensorRequest(inputs=(tensor(TUMORS[0][7:8]),))
    version = bench.register(LINEAR, TUMORS[0])
    first, second = bench.provider.open(version), bench.provider.open(version)

    assert first.explain(request, 0) == second.explain(request, 0)


@pytest.mark.parametrize("row", [-1, 1])
def test_a_row_that_was_not_sent_cannot_be_explained(runner, row):
    request = TensorRequest(inputs=(tensor(TUMORS[0][:1]),))

    with pytest.raises(Invalid, match="rows 0 to 0"):
        runner.explain(request, row)


def test_a_version_without_a_reference_cannot_be_explained(bench):
    request = TensorRequest(inputs=(tensor([[1.0, 2.0]]),))

    with pytest.raises(Invalid, match="no reference row"):
        bench.open_raw(fussy()).explain(request, 0)


def test_naming_the_provider_loads_no_runtime():
    code = (
        "import sys, roadbed.adapters.providers.onnx as p; p.Config();"
        "assert not {'numpy', 'onnxruntime'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("datatype", sorted(DATATYPES - {"BYTES"}))
def test_every_datatype_is_the_same_as_an_array_and_back(datatype):
    sent = from_values(
        "x", datatype, [2, 1], [True, False] if datatype == "BOOL" else [1, 0]
    )
    wanted = Port(name="x", datatype=datatype, shape=(-1, 1))

    assert from_array("x", to_array(sent, wanted)) == sent


def test_texts_of_every_script_survive_the_way_there_and_back(bench):
    same = helper.make_node("Identity", ["input"], ["out"])
    runner = bench.open_raw(graph([same], TensorProto.STRING), "BYTES")
    sent = from_values("input", "BYTES", [2, 2], ["é", "", "🚆", "a"])

    chunk = asyncio.run(answer(runner, TensorRequest(inputs=(sent,))))[-1]

    assert chunk.tensors == (
        Tensor(name="out", datatype="BYTES", shape=(2, 2), data=sent.data),
    )
