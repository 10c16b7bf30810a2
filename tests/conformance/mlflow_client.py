"""What people do with MLflow's client, done by that client against a server of ours.

Run by the interpreter of an environment with mlflow; see `tests.conformance.tracking`.
Each case stands alone; the last line of the output is a JSON object with what failed.
"""

import json
import math
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

import lightgbm
import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric, ViewType
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

V3 = int(mlflow.__version__.split(".")[0]) >= 3
CASES = []


def case(work):
    CASES.append(work)
    return work


def named(what):
    return f"{what}-{time.time_ns()}"


def raises(code, work, *given, **more):
    try:
        work(*given, **more)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return str(error)
    raise AssertionError(f"{work} raised nothing")


def iris():
    return load_iris(return_X_y=True, as_frame=True)


def log_classifier(name, **more):
    x, y = iris()
    model = LogisticRegression(max_iter=500).fit(x, y)
    where = {"name": name} if V3 else {"artifact_path": name}
    return model, mlflow.sklearn.log_model(model, **where, input_example=x[:2], **more)


@case
def sklearn_autolog():
    mlflow.set_experiment(named("autolog"))
    mlflow.sklearn.autolog()
    x, y = iris()
    with mlflow.start_run() as run:
        LogisticRegression(max_iter=400).fit(x, y)
    mlflow.sklearn.autolog(disable=True)
    found = mlflow.get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["max_iter"] == "400"
    assert found.data.metrics["training_accuracy_score"] > 0.9
    assert found.inputs.dataset_inputs
    names = {f.path for f in MlflowClient().list_artifacts(run.info.run_id)}
    assert "estimator.html" in names, names


@case
def lightgbm_autolog():
    mlflow.set_experiment(named("lightgbm"))
    mlflow.lightgbm.autolog()
    x, y = iris()
    with mlflow.start_run() as run:
        data = lightgbm.Dataset(x, y)
        told = {"objective": "multiclass", "num_class": 3, "verbose": -1}
        told["metric"] = "multi_logloss"
        lightgbm.train(told, data, 12, valid_sets=[data], valid_names=["train"])
    mlflow.lightgbm.autolog(disable=True)
    client = MlflowClient()
    assert client.get_run(run.info.run_id).data.params["num_class"] == "3"
    key = "train-multi_logloss"
    history = client.get_metric_history(run.info.run_id, key)
    assert [p.step for p in history] == list(range(12)), history
    best = client.get_run(run.info.run_id).data.metrics[key]
    assert best == history[-1].value


@case
def manual_logging():
    mlflow.set_experiment(named("manual"))
    with mlflow.start_run(run_name="by hand", description="words") as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({f"p{n}": n for n in range(150)})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"loss": 0.25, "acc": 0.75}, step=2)
        mlflow.log_metric("odd", math.nan)
        mlflow.log_metric("much", math.inf)
        mlflow.set_tags({"team": "a", "stage": "test"})
        mlflow.set_tag("gone", "soon")
        mlflow.delete_tag("gone")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": 1}, "notes/a.json")
        with mlflow.start_run(nested=True) as child:
            mlflow.log_metric("inner", 1)
    found = mlflow.get_run(run.info.run_id)
    assert found.info.run_name == "by hand"
    assert len(found.data.params) == 151
    assert found.data.metrics["loss"] == 0.25
    assert math.isnan(found.data.metrics["odd"])
    assert math.isinf(found.data.metrics["much"])
    assert "gone" not in found.data.tags
    assert found.data.tags["roadbed.actor"].startswith("service-account:")
    assert found.info.end_time >= found.info.start_time
    inner = mlflow.get_run(child.info.run_id)
    assert inner.data.tags["mlflow.parentRunId"] == run.info.run_id
    text = mlflow.artifacts.load_text(f"{found.info.artifact_uri}/notes/hello.txt")
    assert text == "hello"


@case
def ends_and_failures():
    mlflow.set_experiment(named("ends"))
    try:
        with mlflow.start_run() as run:
            raise ValueError("on purpose")
    except ValueError:
        pass
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("later", 1)
        mlflow.log_param("later", "too")
    found = mlflow.get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.metrics["later"] == 1
    client = MlflowClient()
    client.set_terminated(run.info.run_id, "KILLED")
    assert client.get_run(run.info.run_id).info.status == "KILLED"


@case
def data_in_the_chain():
    """A registered dataset version; the server says that it knows it."""
    mlflow.set_experiment(named("data"))
    x, _ = iris()
    known = mlflow.data.from_pandas(x, name="flowers@1")
    other = mlflow.data.from_pandas(x, name="elsewhere")
    with mlflow.start_run() as run:
        mlflow.log_input(known, context="training")
        mlflow.log_input(other, context="test")
    found = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    tags = {i.dataset.name: {t.key: t.value for t in i.tags} for i in found}
    assert tags["flowers@1"]["roadbed.version"] == "flowers@1", tags
    assert "roadbed.version" not in tags["elsewhere"], tags


@case
def params_stay():
    mlflow.set_experiment(named("params"))
    with mlflow.start_run():
        mlflow.log_param("a", 1)
        mlflow.log_param("a", 1)
        told = raises("INVALID_PARAMETER_VALUE", mlflow.log_param, "a", 2)
        assert "already logged" in told, told
        raises("INVALID_PARAMETER_VALUE", mlflow.log_metric, "bad\x01name", 1)
        raises("INVALID_PARAMETER_VALUE", mlflow.set_tag, "roadbed.actor", "me")


@case
def history_and_bulk():
    mlflow.set_experiment(named("history"))
    client = MlflowClient()
    run = client.create_run(
        mlflow.get_experiment_by_name(last_experiment()).experiment_id
    )
    id = run.info.run_id
    for at in range(0, 3000, 1000):
        points = [Metric("m", n / 3, 1_000 + n, n) for n in range(at, at + 1000)]
        client.log_batch(id, metrics=points)
    found = client.get_metric_history(id, "m")
    assert len(found) == 3000
    assert found[17].value == 17 / 3
    assert found[17].timestamp == 1_017
    assert client.get_run(id).data.metrics["m"] == 2999 / 3
    client.log_metric(id, "m", 5.0, step=10, timestamp=9_999_999)
    assert client.get_run(id).data.metrics["m"] == 2999 / 3
    client.log_metric(id, "m", 6.0, step=2999, timestamp=9_999_999)
    assert client.get_run(id).data.metrics["m"] == 6.0
    client.set_terminated(id)


def last_experiment():
    return mlflow.search_experiments(max_results=1)[0].name


@case
def experiments():
    client = MlflowClient()
    name = named("experiment")
    id = client.create_experiment(name, tags={"team": "a"})
    raises("RESOURCE_ALREADY_EXISTS", client.create_experiment, name)
    assert client.get_experiment(id).tags == {"team": "a"}
    client.set_experiment_tag(id, "more", "b")
    client.rename_experiment(id, f"{name}-new")
    found = client.search_experiments(filter_string=f"name LIKE '{name}%'")
    assert [e.experiment_id for e in found] == [id]
    found = client.search_experiments(
        filter_string=f"tags.more = 'b' AND name = '{name}-new'"
    )
    assert [e.experiment_id for e in found] == [id]
    run = client.create_run(id)
    client.delete_experiment(id)
    assert client.get_experiment(id).lifecycle_stage == "deleted"
    raises("INVALID_PARAMETER_VALUE", client.create_run, id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    client.restore_experiment(id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"
    assert client.get_experiment("0").name == "Default"
    raises("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "4711")
    assert client.get_experiment_by_name(named("none")) is None
    made = {client.create_experiment(f"{name}-p{n}") for n in range(5)}
    seen, token = set(), None
    while True:
        page = client.search_experiments(
            filter_string=f"name LIKE '{name}-p%'", max_results=2, page_token=token
        )
        seen |= {e.experiment_id for e in page}
        token = page.token
        if not token:
            break
    assert seen == made


@case
def searches():  # noqa: PLR0915
    client = MlflowClient()
    id = client.create_experiment(named("search"))
    runs = []
    for n in range(12):
        run = client.create_run(
            id, run_name=f"r{n:02}", tags={"odd": str(n % 2)}, start_time=1000 + n
        )
        client.log_metric(run.info.run_id, "loss x", n / 10)
        if n < 6:
            client.log_metric(run.info.run_id, "some", float("nan") if n == 5 else n)
        client.log_param(run.info.run_id, "kind", "Alpha" if n < 4 else "beta")
        client.set_terminated(run.info.run_id)
        runs.append(run.info.run_id)

    def names(text="", **more):
        return [r.info.run_name for r in client.search_runs([id], text, **more)]

    assert names()[0] == "r11"
    assert names("metrics.`loss x` < 0.3", order_by=["start_time ASC"]) == [
        "r00",
        "r01",
        "r02",
    ]
    assert names('metrics."loss x" >= 1.0 and tags.odd = "0"') == ["r10"]
    assert len(names("params.kind LIKE 'A%'")) == 4
    assert len(names("params.kind LIKE 'a%'")) == 0
    assert len(names("params.kind ILIKE 'a%'")) == 4
    assert len(names("params.kind != 'beta'")) == 4
    assert len(names("attributes.status = 'FINISHED'")) == 12
    assert names(f"run_id IN ('{runs[3]}', '{runs[4]}')") == ["r04", "r03"]
    assert names("run_name = 'r07'") == ["r07"]
    assert names("attributes.start_time > 1010") == ["r11"]
    ordered = names(order_by=["metrics.some DESC"])
    assert ordered[:6] == ["r04", "r03", "r02", "r01", "r00", "r05"], ordered
    assert names(order_by=["params.kind ASC", "attributes.run_name DESC"])[0] == "r03"
    seen, token = [], None
    while True:
        page = client.search_runs(
            [id], "", max_results=5, order_by=["metrics.some DESC"], page_token=token
        )
        seen += [r.info.run_name for r in page]
        token = page.token
        if not token:
            break
    assert seen == ordered
    for wrong in ("metrics.a = 'x'", "nonsense", "tags.a = 5", "a.b.c = 'd'", "loss <"):
        raises("INVALID_PARAMETER_VALUE", client.search_runs, [id], wrong)
    frame = mlflow.search_runs([id], "tags.odd = '1'")
    assert len(frame) == 6
    client.delete_run(runs[0])
    assert len(names()) == 11
    assert names(run_view_type=ViewType.DELETED_ONLY) == ["r00"]
    assert len(names(run_view_type=ViewType.ALL)) == 12
    raises("INVALID_PARAMETER_VALUE", client.log_metric, runs[0], "x", 1)
    client.restore_run(runs[0])
    assert len(names()) == 12


@case
def datasets():
    id = mlflow.set_experiment(named("data")).experiment_id
    x, _ = iris()
    data = mlflow.data.from_pandas(x, name="iris")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training")
    found = mlflow.get_run(run.info.run_id).inputs.dataset_inputs[0]
    assert found.dataset.name == "iris"
    assert found.tags[0].value == "training"
    client = MlflowClient()
    for text in ("datasets.name = 'iris'", "dataset.context = 'training'"):
        assert len(client.search_runs([id], text)) == 1
    assert not client.search_runs([id], "datasets.name = 'none'")


@case
def artifacts():
    mlflow.set_experiment(named("files"))
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as name, mlflow.start_run() as run:
        folder = Path(name) / "out"
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "one.txt").write_text("1")
        (folder / "deep" / "er" / "two ü.bin").write_bytes(os.urandom(3_000_000))
        mlflow.log_artifacts(str(folder), "all")
        mlflow.log_artifact(str(folder / "one.txt"))
        id = run.info.run_id
        assert {f.path for f in client.list_artifacts(id)} == {"all", "one.txt"}
        inner = client.list_artifacts(id, "all")
        assert [(f.path, f.is_dir) for f in inner] == [
            ("all/deep", True),
            ("all/one.txt", False),
        ]
        assert client.list_artifacts(id, "one.txt") == []
        back = Path(client.download_artifacts(id, "all", name))
        whole = folder / "deep" / "er" / "two ü.bin"
        assert (back / "deep" / "er" / "two ü.bin").read_bytes() == whole.read_bytes()


@case
def register_alias_load_predict():  # noqa: PLR0915
    mlflow.set_experiment(named("registry"))
    client = MlflowClient()
    name = named("Iris Classifier")
    with mlflow.start_run() as run:
        mlflow.log_metric("acc", 0.9)
        model, info = log_classifier("model", registered_model_name=name)
    x, _ = iris()
    version = client.get_model_version(name, "1")
    assert version.status == "READY"
    assert version.run_id == run.info.run_id
    client.set_registered_model_alias(name, "champion", "1")
    assert client.get_model_version_by_alias(name, "champion").version == "1"
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    assert list(loaded.predict(x)) == list(model.predict(x))
    loaded = mlflow.sklearn.load_model(f"models:/{name}/1")
    assert list(loaded.predict(x)) == list(model.predict(x))
    again = mlflow.register_model(info.model_uri, name)
    assert again.version == "2"
    client.set_registered_model_alias(name, "champion", "2")
    found = client.get_registered_model(name)
    assert found.aliases == {"champion": "2"}
    assert [v.version for v in found.latest_versions] == ["2"]
    raises("RESOURCE_CONFLICT", client.delete_model_version, name, "2")
    client.delete_model_version(name, "1")
    raises("RESOURCE_DOES_NOT_EXIST", client.get_model_version, name, "1")
    third = mlflow.register_model(info.model_uri, name)
    assert third.version == "3", "a number is never given twice"
    raises("RESOURCE_CONFLICT", client.delete_registered_model, name)
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model(name)
    raises("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, name)


@case
def registered_files_stay():
    mlflow.set_experiment(named("sealed"))
    name = named("sealed")
    with mlflow.start_run() as run:
        _, info = log_classifier("model")
        mlflow.register_model(info.model_uri, name)
    client = MlflowClient()
    host, token = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_TOKEN"]
    below = f"{host}/api/2.0/mlflow-artifacts/artifacts"
    id = run.info
    if V3:
        where = f"{below}/{id.experiment_id}/models/{info.model_id}/artifacts"
    else:
        where = f"{below}/{id.experiment_id}/{id.run_id}/artifacts/model"
    auth = {"Authorization": f"Bearer {token}"}
    for file in ("MLmodel", "another.txt"):
        told = requests.put(f"{where}/{file}", data=b"x", headers=auth)
        assert told.status_code == 409, (told.status_code, told.text)
        assert told.json()["error_code"] == "RESOURCE_CONFLICT"
    gone = requests.delete(f"{where}/MLmodel", headers=auth)
    assert gone.status_code == 409
    uri = client.get_model_version_download_uri(name, "1").removeprefix(
        "mlflow-artifacts:/"
    )
    assert requests.get(f"{below}/{uri}/MLmodel", headers=auth).status_code == 200
    assert (
        requests.put(f"{below}/{uri}/MLmodel", data=b"x", headers=auth).status_code
        == 409
    )
    told = requests.post(f"{host}/api/2.0/mlflow/gateway-proxy", json={}, headers=auth)
    assert told.status_code == 404
    assert told.json()["error_code"] == "ENDPOINT_NOT_FOUND"


@case
def registry_words():  # noqa: PLR0915
    client = MlflowClient()
    name = named("words")
    client.create_registered_model(name, tags={"a": "1"}, description="first")
    raises("RESOURCE_ALREADY_EXISTS", client.create_registered_model, name)
    client.set_registered_model_tag(name, "b", "2")
    client.delete_registered_model_tag(name, "a")
    client.update_registered_model(name, "second")
    found = client.get_registered_model(name)
    assert (found.description, found.tags) == ("second", {"b": "2"})
    mlflow.set_experiment(named("words"))
    with mlflow.start_run() as run:
        mlflow.log_text("weights", "model/weights.txt")
    made = client.create_model_version(
        name, f"{run.info.artifact_uri}/model", run.info.run_id
    )
    client.set_model_version_tag(name, made.version, "quality", "good")
    client.update_model_version(name, made.version, "a description")
    made = client.get_model_version(name, made.version)
    assert made.tags["quality"] == "good"
    assert made.description == "a description"
    client.delete_model_version_tag(name, made.version, "quality")
    found = client.search_model_versions(f"name = '{name}'")
    assert [v.version for v in found] == ["1"]
    assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 1
    assert [m.name for m in client.search_registered_models(f"name LIKE '{name}'")] == [
        name
    ]
    assert [
        m.name
        for m in client.search_registered_models("tags.b = '2'", order_by=["name ASC"])
    ]
    client.transition_model_version_stage(name, "1", "Production")
    assert client.get_latest_versions(name, ["Production"])[0].version == "1"
    copied = client.copy_model_version(f"models:/{name}/1", named("copy"))
    assert copied.version == "1"
    client.rename_registered_model(name, f"{name} renamed")
    assert client.get_model_version(f"{name} renamed", "1").name == f"{name} renamed"
    raises(
        "INVALID_PARAMETER_VALUE",
        client.create_model_version,
        f"{name} renamed",
        "/etc",
    )
    raises(
        "INVALID_PARAMETER_VALUE",
        client.get_model_version_by_alias,
        f"{name} renamed",
        "no",
    )


@case
def logged_models():
    if not V3:
        return
    id = mlflow.set_experiment(named("logged")).experiment_id
    with mlflow.start_run() as run:
        _, info = log_classifier("best", params={"depth": "3"})
        mlflow.log_metric("acc", 0.7, model_id=info.model_id)
        _, other = log_classifier("worse")
        mlflow.log_metric("acc", 0.2, model_id=other.model_id)
    found = mlflow.get_logged_model(info.model_id)
    assert found.source_run_id == run.info.run_id
    assert found.params["depth"] == "3"
    assert [(m.key, m.value) for m in found.metrics] == [("acc", 0.7)]
    models = mlflow.search_logged_models(
        [id], "metrics.acc > 0.5", output_format="list"
    )
    assert [m.name for m in models] == ["best"]
    models = mlflow.search_logged_models(
        [id],
        order_by=[{"field_name": "metrics.acc", "ascending": True}],
        output_format="list",
    )
    assert [m.name for m in models] == ["worse", "best"]
    mlflow.set_logged_model_tags(info.model_id, {"t": "1"})
    assert mlflow.get_logged_model(info.model_id).tags["t"] == "1"
    mlflow.delete_logged_model_tag(info.model_id, "t")
    outputs = mlflow.get_run(run.info.run_id).outputs.model_outputs
    assert {o.model_id for o in outputs} == {info.model_id, other.model_id}
    MlflowClient().delete_logged_model(other.model_id)
    raises("RESOURCE_DOES_NOT_EXIST", mlflow.get_logged_model, other.model_id)
    alone = mlflow.initialize_logged_model(name="alone")
    mlflow.finalize_logged_model(alone.model_id, "READY")
    assert mlflow.get_logged_model(alone.model_id).status == "READY"


@case
def strangers():
    token = os.environ.pop("MLFLOW_TRACKING_TOKEN")
    try:
        told = raises("UNAUTHENTICATED", mlflow.search_experiments)
        assert "<html" not in told.lower()
    finally:
        os.environ["MLFLOW_TRACKING_TOKEN"] = token


def main():
    chosen = sys.argv[1:]
    failed, seconds = {}, {}
    for work in CASES:
        if chosen and work.__name__ not in chosen:
            continue
        begun = time.monotonic()
        try:
            work()
        except Exception:  # noqa: BLE001
            while mlflow.active_run():
                mlflow.end_run()
            failed[work.__name__] = traceback.format_exc()
            print(failed[work.__name__], file=sys.stderr, flush=True)
        seconds[work.__name__] = round(time.monotonic() - begun, 1)
        print(work.__name__, "failed" if work.__name__ in failed else "ok", flush=True)
    told = {"version": mlflow.__version__, "passed": len(seconds) - len(failed)}
    print(json.dumps({**told, "failed": failed, "seconds": seconds}))


if __name__ == "__main__":
    main()
