import asyncio
import subprocess
import sys

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from roadbed.adapters.providers.onnx import Config, provider
from roadbed.core.errors import Corrupt, Denied, Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.inference.call import TensorRequest
from roadbed.inference.tensor import from_values
from roadbed.registry.versions import get_version
from roadbed.testing.provider_contract import answer

FRAME = load_breast_cancer(as_frame=True).frame
FEATURES = [name for name in FRAME.columns if name != "target"]


def train(rows):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
    return model.fit(rows[FEATURES], rows["target"])


@pytest.fixture
def tumors(bed):
    return bed.dataset("tumors").snapshot(FRAME)


def test_from_a_frame_to_an_answer(bed, tumors):
    with bed.run("train", data=tumors, params={"C": 0.5}, seed=0) as run:
        model = train(run.frame())
        run.log(accuracy=model.score(FRAME[FEATURES], FRAME["target"]))
        version = run.register("tumor-triage", model)

    row = FRAME[FEATURES].iloc[0].tolist()
    runner = provider(Config(), bed.blobs, None).open(version)
    request = TensorRequest(inputs=(from_values("input", "FP64", [1, 30], row),))
    label, _ = asyncio.run(answer(runner, request))[-1].tensors

    assert str(version) == "tumor-triage@1"
    assert label.values() == [0]


def test_the_version_leads_back_to_run_data_and_code(bed, tumors, repository, make_bed):
    folder, git = repository
    (folder / "train.py").write_text("C = 0.5\n")
    bed = make_bed(bed.database, folder)
    with bed.run("train", data={"training": tumors}, params={"C": 0.5}) as run:
        run.log(accuracy=0.9)
        version = run.register("tumor-triage", train(FRAME), FRAME[FEATURES])

    with bed.database.read() as connection:
        found = get_version(connection, VersionRef("tumor-triage", 1))
    record = bed.runs.get(found.run_id)

    assert found == version
    assert record.code["commit"] == git("rev-parse", "HEAD")
    assert b"".join(bed.blobs.get(record.code["patch"])).endswith(b"+C = 0.5\n")
    assert [(i.role, str(i), i.digest) for i in record.data] == [
        ("training", "tumors@1", tumors.digest)
    ]
    assert b"scikit-learn==" in b"".join(bed.blobs.get(record.environment["lock"]))
    assert (record.status, record.actor) == ("finished", "service-account:mira")
    assert record.metrics == {"accuracy": 0.9}


def test_registering_the_same_model_from_another_run_is_another_version(bed, tumors):
    numbers = []
    for _ in range(2):
        with bed.run("train", data="tumors@1") as run:
            numbers.append(run.register("tumor-triage", train(run.frame())).number)

    first, second = bed.versions("tumor-triage")[::-1]
    assert numbers == [1, 2]
    assert first.body["artifact"] == second.body["artifact"]
    assert first.digest != second.digest


def test_a_run_that_raises_is_failed_and_the_error_goes_on(bed):
    with pytest.raises(ZeroDivisionError), bed.run("train") as run:
        run.log(loss=1.0)
        raise ZeroDivisionError("not for the record")

    record = bed.runs.get(run.id)
    assert (record.status, record.error) == ("failed", "ZeroDivisionError")
    assert record.metrics == {"loss": 1.0}


def test_a_run_that_dies_stays_started(bed, tmp_path):
    child = (
        "import os, sys; from roadbed.core.clock import SystemClock;"
        "from roadbed.database.engine import open_database;"
        "from roadbed.registry.runs import Intent, Runs;"
        "runs = Runs(open_database(sys.argv[1]), SystemClock());"
        "runs.start(Intent(name='t', actor='user:mira', code={}, environment={}));"
        "os._exit(9)"
    )
    url = str(bed.database.engine.url)
    done = subprocess.run([sys.executable, "-c", child, url], check=False)

    (record,) = bed.history("t")
    assert done.returncode == 9
    assert (record.status, record.finished_us) == ("started", None)


def test_a_model_that_fails_parity_fails_the_run_and_is_not_registered(bed, tumors):
    with pytest.raises(Invalid, match="not fitted"), bed.run("train") as run:
        run.register("tumor-triage", LogisticRegression(), FRAME[FEATURES])

    assert bed.versions("tumor-triage") == []
    assert bed.runs.get(run.id).error == "Invalid"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("sales-bot", NotFound, "no model is called 'sales-bot'"),
        ("support-bot", Invalid, "declared as hosted"),
    ],
)
def test_only_a_model_declared_as_trained_takes_versions(bed, name, error, message):
    with pytest.raises(error, match=message), bed.run("train") as run:
        run.register(name, train(FRAME), FRAME[FEATURES])


def test_a_model_of_an_unknown_library_says_what_is_installed(bed):
    unknown = pytest.raises(NotFound, match="library of a object")
    with unknown as caught, bed.run("train") as run:
        run.register("tumor-triage", object(), [[1.0]])

    assert caught.value.hint == "installed: sklearn"


def test_a_model_without_names_needs_an_example(bed, tumors):
    model = train(FRAME)
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    plain.fit(FRAME[FEATURES].to_numpy(), FRAME["target"])

    with bed.run("train", data=tumors) as run:
        assert run.register("tumor-triage", model).number == 1
        with pytest.raises(Invalid, match="no rows to compare"):
            run.register("tumor-triage", plain)


def test_several_data_sets_are_read_by_their_role(bed, tumors):
    held_out = bed.dataset("held-out").snapshot(FRAME[:9])
    with bed.run("train", data={"training": tumors, "test": held_out}) as run:
        sizes = [len(run.frame(role)) for role in ("training", "test")]
        with pytest.raises(NotFound, match="no data for the role None"):
            run.frame()

    assert sizes == [569, 9]
    assert [item.role for item in run.record.data] == ["training", "test"]


def test_a_run_outside_its_block_says_how_to_use_it(bed):
    run = bed.run("train")

    with pytest.raises(Invalid, match="has not begun") as caught:
        run.log(accuracy=1.0)
    assert "with bed.run" in caught.value.hint
    assert bed.history() == []


@pytest.mark.parametrize(
    ("closed", "work"),
    [
        ("dataset.write", lambda bed: bed.dataset("other").snapshot({"a": [1]})),
        ("dataset.read", lambda bed: bed.dataset("tumors").frame()),
        ("dataset.read", lambda bed: bed.run("train", data="nothing@1")),
        ("run.write", lambda bed: bed.run("train").__enter__()),
        ("run.read", lambda bed: bed.history()),
        ("model.read", lambda bed: bed.versions("tumor-triage")),
    ],
    ids=["snapshot", "frame", "data", "run", "history", "versions"],
)
def test_what_is_not_allowed_does_not_happen(bed, tumors, gate, closed, work):
    gate.closed.add(closed)

    with pytest.raises(Denied, match=closed):
        work(bed)
    assert bed.runs.list() == []
    assert bed.datasets.list("other") == []


def test_registering_is_asked_for_by_the_name_of_the_model(bed, gate):
    gate.closed.add("model.register")

    with pytest.raises(Denied), bed.run("train") as run:
        run.register("tumor-triage", train(FRAME), FRAME[FEATURES])
    assert gate.asked == ["run.write Run/train", "model.register Model/tumor-triage"]


def test_damaged_data_never_reaches_the_training(bed, tumors, tmp_path):
    name = tumors.objects[0].digest.removeprefix("sha256:")
    file = tmp_path / "blobs" / "sha256" / name[:2] / name[2:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-9] + b"tampered!")

    with pytest.raises(Corrupt), bed.run("train", data=tumors) as run:
        run.frame()
    with pytest.raises(Corrupt, match="object 1 of 1"):
        bed.dataset("tumors").verify()


def test_versions_of_a_data_set_are_found_by_number(bed, tumors):
    second = bed.dataset("tumors").snapshot(FRAME[:5])
    handle = bed.dataset("tumors")

    assert handle.version() == second
    assert handle.version(1) == tumors
    assert [v.number for v in handle.versions()] == [2, 1]
    assert len(handle.frame(1)) == 569
    assert handle.verify() == second


def test_what_a_notebook_shows_is_short_and_says_enough(bed, tumors):
    with bed.run("train", data=tumors) as run:
        version = run.register("tumor-triage", train(FRAME))

    assert repr(bed) == "<Roadbed workbench of service-account:mira>"
    assert repr(bed.run("later")) == "<later, not started>"
    assert repr(version).startswith("tumor-triage@1 (kind trained, sha256 ")
    for shown in (tumors, run, version):
        assert shown._repr_html_().startswith("<table>")
        assert "\n" not in repr(shown)


def test_training_is_asked_for_before_the_run_is_on_record(bed, tumors, gate):
    gate.closed.add("dataset.train")
    with pytest.raises(Denied), bed.run("train", data=tumors):
        pytest.fail("the block must not begin")

    assert bed.history("train") == []


def test_measuring_is_no_training_until_a_version_rests_on_it(bed, tumors, gate):
    gate.closed.add("dataset.train")
    with bed.run("measure", data={"test": tumors}) as run:
        rows = run.frame()
        with pytest.raises(Denied):
            run.register("tumor-triage", train(rows), rows[FEATURES])

    assert bed.versions("tumor-triage") == []


def test_going_on_from_a_version_asks_for_it_and_is_written_into_the_next(
    bed, tumors, gate
):
    with bed.run("train", data=tumors) as run:
        first = run.register("tumor-triage", train(run.frame()))
    with bed.run("tune", data=tumors, parent=str(first)) as run:
        second = run.register("tumor-triage", train(run.frame()))

    assert "version.retrain ModelVersion/tumor-triage@1" in gate.asked
    assert "parent" not in first.body
    assert second.body["parent"] == "tumor-triage@1"


def test_data_for_another_purpose_is_refused_before_the_run_begins(bed):
    customers = bed.dataset("customers").snapshot(FRAME)
    run = bed.run("train", data=customers, model="tumor-triage")
    with pytest.raises(Denied, match="may not be used for triage: it is for sales"):
        run.__enter__()

    assert bed.history("train") == []
