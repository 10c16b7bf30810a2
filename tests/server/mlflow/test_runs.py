"""Runs, metrics, params, tags and searches, as MLflow's client sends them."""

import json
import math
import re

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.control.questions.runs import whole
from roadbed.registry.runs import Input, Intent


@pytest.fixture
def folder(ada, request):
    name = f"e-{request.node.name}"
    return ada.post("experiments/create", name=name)["experiment_id"]


def test_a_run_is_a_run_of_the_registry(line, ada, folder):
    tags = [{"key": "mlflow.source.git.commit", "value": "c0ffee"}]
    tags.append({"key": "roadbed.actor", "value": "somebody else"})
    run = ada.run(folder, run_name="first", user_id="somebody", tags=tags)
    id = run["run_id"]
    ada.post("runs/log-parameter", run_id=id, key="depth", value="3")
    ada.post(
        "runs/log-metric", run_id=id, key="acc", value=0.5, timestamp="7", step="2"
    )
    ada.post("runs/update", run_id=id, status="FINISHED", end_time="99")
    record = line.app.runs.get(id)

    assert record.status == "finished"
    assert record.actor == "service-account:ada"
    assert record.code == {"claimed": True, "commit": "c0ffee"}
    assert record.environment["claimed"] is True
    assert (record.params, record.metrics) == ({"depth": "3"}, {"acc": 0.5})
    told = [e for e in line.audited("run.write") if e["resource"] == f"Run/{id}"]
    assert [e["detail"]["status"] for e in told] == ["finished", "started", "started"]
    whole = ada.get(f"runs/get?run_id={id}")["run"]
    assert whole["info"]["user_id"] == "somebody"
    said = {t["key"]: t["value"] for t in whole["data"]["tags"]}
    assert said["roadbed.actor"] == "service-account:ada"
    assert whole["data"]["metrics"] == [
        {"key": "acc", "value": 0.5, "timestamp": 7, "step": 2}
    ]


def test_what_comes_after_the_end_stays_beside_the_record(line, ada, folder):
    id = ada.run(folder)["run_id"]
    ada.post("runs/update", run_id=id, status="FAILED")
    before = line.app.runs.get(id)
    ada.post("runs/log-metric", run_id=id, key="late", value=1, timestamp=1)
    ada.post("runs/log-parameter", run_id=id, key="late", value="1")
    ada.post("runs/update", run_id=id, status="RUNNING")

    assert before.status == "failed"
    assert line.app.runs.get(id).digest == before.digest
    told = ada.get(f"runs/get?run_id={id}")["run"]
    assert told["info"]["status"] == "RUNNING"
    assert [m["key"] for m in told["data"]["metrics"]] == ["late"]
    changes = [
        e["detail"].get("change")
        for e in line.audited("run.write")
        if e["resource"] == f"Run/{id}"
    ]
    assert "status RUNNING" in changes


def test_the_newest_point_is_by_step_then_time_then_value(ada, folder):
    id = ada.run(folder)["run_id"]
    points = [(3, 1, 5.0), (2, 9, 9.0), (3, 2, 1.0), (3, 2, 0.5)]
    metrics = [
        {"key": "m", "step": s, "timestamp": t, "value": v} for s, t, v in points
    ]
    odd = [("nan", "NaN"), ("inf", "Infinity"), ("neg", "-Infinity")]
    metrics += [{"key": k, "timestamp": 1, "value": v} for k, v in odd]
    ada.post("runs/log-batch", run_id=id, metrics=metrics)
    whole = ada.get(f"runs/get?run_id={id}")["run"]
    found = {m["key"]: m["value"] for m in whole["data"]["metrics"]}

    assert found == {"m": 1.0, **dict(odd)}
    history = ada.get(f"metrics/get-history?run_id={id}&metric_key=m")["metrics"]
    assert [p["value"] for p in history] == [9.0, 5.0, 1.0, 0.5]
    seen, token = [], ""
    while token is not None:
        where = f"metrics/get-history?run_id={id}&metric_key=m&max_results=3"
        page = ada.get(f"{where}&page_token={token}")
        seen += page["metrics"]
        token = page.get("next_page_token")
    assert seen == history
    apart = f"metrics/get-history-bulk-interval?run_ids={id}&metric_key=m&max_results=2"
    assert {p["step"] for p in ada.get(apart)["metrics"]} == {2, 3}
    both = f"metrics/get-history-bulk?run_id={id}&run_id={id}&metric_key=m"
    assert len(ada.get(both)["metrics"]) == 8


def test_what_is_sent_again_is_kept_once(ada, folder):
    id = ada.run(folder)["run_id"]
    points = [{"key": "m", "value": v, "timestamp": 1} for v in (1, "NaN", 2, 1)]
    for _ in range(2):
        ada.post("runs/log-batch", run_id=id, metrics=points)
    found = ada.get(f"metrics/get-history?run_id={id}&metric_key=m")["metrics"]

    assert [p["value"] for p in found] == [1, "NaN", 2]


def test_a_batch_is_all_or_nothing(ada, folder):
    id = ada.run(folder)["run_id"]
    ada.post("runs/log-batch", run_id=id, params=[{"key": "a", "value": "1"}])
    _, told = ada.refused(
        "INVALID_PARAMETER_VALUE",
        "POST",
        "runs/log-batch",
        run_id=id,
        metrics=[{"key": "m", "value": 1, "timestamp": 1}],
        params=[{"key": "b", "value": "1"}, {"key": "a", "value": "2"}],
        tags=[{"key": "t", "value": "1"}],
    )
    data = ada.get(f"runs/get?run_id={id}")["run"]["data"]

    assert "already logged" in told
    assert data["metrics"] == []
    assert data["params"] == [{"key": "a", "value": "1"}]
    assert "t" not in {t["key"] for t in data["tags"]}


LIMITS = {
    "a long key": {"metrics": [{"key": "k" * 251, "value": 1, "timestamp": 1}]},
    "an odd key": {"params": [{"key": "a\x00b", "value": "1"}]},
    "a path": {"params": [{"key": "../up", "value": "1"}]},
    "no key": {"params": [{"value": "1"}]},
    "a long value": {"params": [{"key": "a", "value": "v" * 6_001}]},
    "a long tag": {"tags": [{"key": "a", "value": "v" * 8_001}]},
    "our tag": {"tags": [{"key": "roadbed.actor", "value": "me"}]},
    "two values": {"params": [{"key": "a", "value": v} for v in "12"]},
    "no number": {"metrics": [{"key": "a", "value": "x", "timestamp": 1}]},
    "no time": {"metrics": [{"key": "a", "value": 1}]},
    "a time before": {"metrics": [{"key": "a", "value": 1, "timestamp": -1}]},
    "a step beyond": {
        "metrics": [{"key": "a", "value": 1, "timestamp": 1, "step": 2**63}]
    },
    "many params": {"params": [{"key": f"p{n}", "value": "1"} for n in range(101)]},
    "many metrics": {
        "metrics": [{"key": "m", "value": n, "timestamp": n} for n in range(1_001)]
    },
    "many together": {
        "metrics": [{"key": "m", "value": n, "timestamp": n} for n in range(1_000)],
        "params": [{"key": "p", "value": "1"}],
    },
    "no list": {"metrics": {"key": "m"}, "params": "x"},
    "large": {"unknown": "x" * 1_000_001},
}


@pytest.mark.parametrize("what", LIMITS)
def test_limits_are_those_of_mlflow(ada, folder, what):
    id = ada.run(folder)["run_id"]
    code, path = "INVALID_PARAMETER_VALUE", "runs/log-batch"

    assert ada.refused(code, "POST", path, run_id=id, **LIMITS[what])[0] == 400
    data = ada.get(f"runs/get?run_id={id}")["run"]["data"]
    assert (data["metrics"], data["params"]) == ([], [])


def test_what_is_unknown_is_ignored_and_what_is_camel_is_read(ada, folder):
    told = ada.post("runs/create", experimentId=folder, runName="c", flavour="x")
    assert told["run"]["info"]["run_name"] == "c"


def test_runs_are_found_as_they_are_asked_for(ada, folder):
    for n in range(7):
        id = ada.run(folder, run_name=f"r{n}", start_time=1_000 + n)["run_id"]
        value = math.nan if n == 5 else n
        said = [{"key": "a b", "value": str(value), "timestamp": 1}]
        params = [{"key": "kind", "value": "Alpha" if n < 3 else "beta_x"}]
        ada.post("runs/log-batch", run_id=id, metrics=said[: n != 6], params=params)

    def names(text="", **more):
        return ada.found(text, experiment_ids=[folder], **more)

    assert names() == [f"r{n}" for n in reversed(range(7))]
    assert names("metrics.`a b` > 2") == ["r4", "r3"]
    assert names("metrics.`a b` != 3")[:2] == ["r5", "r4"]
    assert names("params.kind LIKE 'A%'") == ["r2", "r1", "r0"]
    assert names("params.kind LIKE 'a%'") == []
    assert names("params.kind ILIKE 'a%' AND run_name != 'r1'") == ["r2", "r0"]
    assert names("params.none IS NULL AND attributes.start_time = 1003") == ["r3"]
    order = ["metrics.`a b` ASC"]
    ordered = names(order_by=order)
    assert ordered == ["r0", "r1", "r2", "r3", "r4", "r5", "r6"]
    seen, token = [], ""
    while token is not None:
        page = ada.search(
            experiment_ids=[folder], max_results=2, order_by=order, page_token=token
        )
        seen += [r["info"]["run_name"] for r in page["runs"]]
        token = page.get("next_page_token")
        other = {"experiment_ids": [folder], "page_token": token or "x"}
        ada.refused("INVALID_PARAMETER_VALUE", "POST", "runs/search", **other)
    assert seen == ordered


WRONG = {
    "filter": [
        "metrics.a = 'x'",
        "params.a = 1",
        "weights.a = 1",
        "a OR b",
        "run_id >",
    ],
    "order_by": [["metrics.a b"], ["weights.a"], ["attributes.none"]],
    "page_token": ["bm9uc2Vuc2U=", "%%%", "W10="],
    "max_results": [0, -1, 50_001, "x"],
    "run_view_type": ["SOME"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n in WRONG for v in WRONG[n]])
def test_a_wrong_search_is_told(ada, name, value):
    wanted = {"experiment_ids": ["0"], name: value}
    status, _ = ada.refused("INVALID_PARAMETER_VALUE", "POST", "runs/search", **wanted)
    assert status == 400


def test_what_is_deleted_can_be_restored_and_is_not_written_to(ada, folder):
    id = ada.run(folder)["run_id"]
    ada.post("runs/delete", run_id=id)
    log = {"run_id": id, "key": "m", "value": 1, "timestamp": 1}

    assert ada.found(experiment_ids=[folder]) == []
    _, told = ada.refused("INVALID_PARAMETER_VALUE", "POST", "runs/log-metric", **log)
    assert "must be in the 'active' state" in told
    ada.refused("INVALID_PARAMETER_VALUE", "POST", "runs/delete", run_id=id)
    ada.post("runs/restore", run_id=id)
    ada.post("runs/log-metric", **log)
    ada.post("experiments/delete", experiment_id=folder)
    again = {"experiment_id": folder}
    ada.refused("INVALID_PARAMETER_VALUE", "POST", "runs/create", **again)
    assert ada.found(experiment_ids=[folder], run_view_type="DELETED_ONLY")
    ada.post("experiments/restore", experiment_id=folder)
    assert len(ada.found(experiment_ids=[folder])) == 1


def test_experiments_are_made_once_and_searched(ada):
    id = ada.post("experiments/create", name="once")["experiment_id"]
    ada.refused("RESOURCE_ALREADY_EXISTS", "POST", "experiments/create", name="once")
    ada.post("experiments/set-experiment-tag", experiment_id=id, key="k", value="v")
    found = ada.post("experiments/search", filter="tags.k = 'v'", max_results=9)
    assert [e["name"] for e in found["experiments"]] == ["once"]
    ada.post("experiments/delete-experiment-tag", experiment_id=id, key="k")
    ada.post("experiments/update", experiment_id=id, new_name="twice")
    named = ada.get("experiments/get-by-name?experiment_name=twice")["experiment"]
    assert (named["experiment_id"], named["tags"]) == (id, [])
    assert ada.get("experiments/get?experiment_id=0")["experiment"]["name"] == "Default"
    where = {"name": "far", "artifact_location": "s3://elsewhere"}
    ada.refused("INVALID_PARAMETER_VALUE", "POST", "experiments/create", **where)
    ada.refused(
        "INVALID_PARAMETER_VALUE", "POST", "experiments/delete", experiment_id="0"
    )
    code = "RESOURCE_DOES_NOT_EXIST"
    ada.refused(code, "GET", "experiments/get?experiment_id=4711")


def test_an_id_is_found_in_a_page_of_many_without_asking_for_each(line, ada, folder):
    for _ in range(5):
        ada.run(folder)
    asked = []

    def count(*given):
        asked.append(given[2])

    sa.event.listen(line.app.database.engine, "before_cursor_execute", count)
    try:
        ada.found(experiment_ids=[folder])
    finally:
        sa.event.remove(line.app.database.engine, "before_cursor_execute", count)
    logged = [a for a in asked if re.search(r"FROM run_\w+", a)]

    assert len(logged) == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "run_id",
                    "key",
                    "value",
                    "metrics",
                    "params",
                    "tags",
                    "filter",
                    "step",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sampled_from(
        ["runs/search", "runs/log-batch", "runs/create", "runs/log-inputs"]
    ),
    st.dictionaries(
        st.sampled_from(["metrics", "tags", "filter", "datasets", "order_by", "x"]),
        JSON,
        max_size=4,
    ),
)
def test_no_body_breaks_it(ada, path, body):
    run = getattr(ada, "spare", None) or ada.run()
    ada.spare = run
    body = {"run_id": run["run_id"], "experiment_ids": ["0"], **body}
    status, _, told = ada.ask("POST", path, json.dumps(body).encode())

    assert status in (200, 400), (path, body, told)
    assert status == 200 or set(told) == {"error_code", "message"}


def test_a_run_of_the_workbench_is_found_by_clients(line, ada, abe):
    """With its parameters, metrics, data and end; other tenants do not find it."""
    data = line.app.datasets.snapshot("seeds", {"x": [1]}, "user:ada")
    used = Input(role="training", dataset="seeds", number=1, digest=data.digest)
    intent = Intent(
        name="by-hand",
        actor="user:ada",
        code={},
        environment={},
        data=(used,),
        params={"C": 0.5},
    )
    runs = line.app.runs
    made = runs.start(intent)
    runs.log(made.id, {"loss": 0.25})
    going = ada.get(f"runs/get?run_id={made.id}")["run"]["info"]["status"]
    runs.finish(made.id, "finished")
    where = ada.get("experiments/get-by-name?experiment_name=roadbed")["experiment"]
    wanted = {
        "experiment_ids": [where["experiment_id"]],
        "filter": "metrics.loss < 1 AND params.C = '0.5' AND dataset.name = 'seeds@1'",
    }
    [found] = [
        r for r in ada.search(**wanted)["runs"] if r["info"]["run_id"] == made.id
    ]

    assert going == "RUNNING"
    assert (found["info"]["status"], found["info"]["run_name"]) == (
        "FINISHED",
        "by-hand",
    )
    assert found["info"]["user_id"] == "user:ada"
    assert abe.refused("RESOURCE_DOES_NOT_EXIST", "GET", f"runs/get?run_id={made.id}")


def test_a_run_of_a_client_is_one_of_the_registry(line, ada):
    """It is listed, shown and compared with others by the same questions."""
    ids = []
    for depth in ("3", "5"):
        run = ada.run(run_name="forest")
        batch = {"run_id": run["run_id"], "params": [{"key": "depth", "value": depth}]}
        metric = {"key": "acc", "value": int(depth) / 10, "timestamp": 1, "step": 0}
        ada.post("runs/log-batch", **batch, metrics=[metric])
        ada.post("runs/update", run_id=run["run_id"], status="FINISHED")
        ids.append(run["run_id"])
    listed = [r.id for r in line.app.runs.list("forest")]
    shown = whole(line.app.database, ids[0], line.app.now_us())
    changes = line.app.comparer(lambda name: True).of_runs(*ids)

    assert listed == ids[::-1]
    assert (shown.standing, shown.run.metrics) == ("finished", {"acc": 0.3})
    assert [(e.metric, e.right) for e in changes.effects] == [("acc", 0.5)]
    assert "depth" in changes.causes[0].told
