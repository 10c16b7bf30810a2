"""Models, versions, aliases and files: what is registered stays as it was."""

import hashlib

import pytest

from roadbed.control.questions.lineage import lineage_of, uses_of
from roadbed.core.errors import Invalid
from roadbed.core.reference import VersionRef, parse
from roadbed.registry.runs import get_run
from roadbed.registry.versions import get_version
from tests.control.stacks import OPERATOR, resource, write
from tests.server.mlflow.conftest import FILES

FILE = b"weights" * 100_000


@pytest.fixture
def logged(ada):
    """A run with the files of a model."""
    run = ada.run()
    assert ada.put(run, "model/MLmodel", b"flavors: {}") == 200
    assert ada.put(run, "model/deep/weights.bin", FILE) == 200
    return run


def registered(ada, run, name, **more):
    ada.ask("POST", "registered-models/create", {"name": name})
    source = f"{run['artifact_uri']}/model"
    told = {"name": name, "source": source, "run_id": run["run_id"], **more}
    return ada.post("model-versions/create", **told)["model_version"]


def test_a_version_is_one_of_the_registry(line, ada, logged):
    made = registered(ada, logged, "My Model (v1)")
    ref = next(t["value"] for t in made["tags"] if t["key"] == "roadbed.version")
    name, _, number = ref.partition("@")
    with line.app.database.read() as connection:
        version = get_version(connection, VersionRef(name, int(number)))

    assert (made["version"], made["status"]) == ("1", "READY")
    assert version.kind == "tracked"
    assert version.run_id == logged["run_id"]
    files = {f["path"]: f for f in version.body["files"]}
    assert files["deep/weights.bin"]["digest"] == (
        f"sha256:{hashlib.sha256(FILE).hexdigest()}"
    )
    told = line.audited("model.register")
    assert {"version": 1, "digest": version.digest, "run": version.run_id} in [
        e["detail"] for e in told
    ]


def test_what_is_registered_cannot_be_changed(ada, logged):
    """mlflow#3175: one PUT replaced the file of a version, and it was served."""
    registered(ada, logged, "sealed")
    below = f"{FILES}{logged['experiment_id']}/{logged['run_id']}/artifacts/model"

    for path in ("MLmodel", "new.txt", "deep/weights.bin", "deep/er/new.txt"):
        assert ada.ask("PUT", f"{below}/{path}", b"evil")[0] == 409
    for path in ("/MLmodel", "/deep", ""):
        assert ada.ask("DELETE", f"{below}{path}")[0] == 409
    assert ada.put(logged, "beside.txt", b"fine") == 200
    where = ada.get("model-versions/get-download-uri?name=sealed&version=1")
    own = FILES + where["artifact_uri"].removeprefix("mlflow-artifacts:/")
    status, headers, told = ada.ask("GET", f"{own}/deep/weights.bin")
    assert (status, told, headers["content-length"]) == (200, FILE, str(len(FILE)))
    assert ada.ask("PUT", f"{own}/MLmodel", b"evil")[0] == 409
    listed = ada.get(f"{FILES[:-1]}?path={own.removeprefix(FILES)}")["files"]
    assert [(f["path"], f["is_dir"]) for f in listed] == [
        ("MLmodel", False),
        ("deep", True),
    ]


def test_a_damaged_file_is_not_sent(line, ada, logged):
    registered(ada, logged, "damaged")
    data = b"another file of this run"
    ada.put(logged, "x.bin", data)
    found = next(
        (line.settings.state / "blobs").rglob(hashlib.sha256(data).hexdigest()[2:])
    )
    found.chmod(0o644)
    found.write_bytes(b"tampered")
    where = f"{FILES}0/{logged['run_id']}/artifacts/x.bin"
    status, _, told = ada.ask("GET", where)

    assert (status, told["error_code"]) == (500, "DATA_LOSS")


def test_aliases_move_on_the_record_and_keep_versions(line, ada, logged):
    for _ in range(2):
        registered(ada, logged, "aliased")
    alias = {"name": "aliased", "alias": "champion"}
    ada.post("registered-models/alias", **alias, version="1")
    ada.post("registered-models/alias", **alias, version="2")
    where = "registered-models/alias?name=aliased&alias=champion"

    assert ada.get(where)["model_version"]["version"] == "2"
    moved = [e["detail"] for e in line.audited("model.register")]
    assert {"name": "aliased", "alias": "champion", "version": 2, "before": 1} in moved
    code = "RESOURCE_CONFLICT"
    ada.refused(code, "DELETE", "model-versions/delete", name="aliased", version="2")
    ada.refused(code, "DELETE", "registered-models/delete", name="aliased")
    one = {"name": "aliased", "version": "1"}
    assert ada.ask("DELETE", "model-versions/delete", one)[0] == 200
    code = "RESOURCE_DOES_NOT_EXIST"
    ada.refused(code, "POST", "registered-models/alias", **alias, version="1")
    assert registered(ada, logged, "aliased")["version"] == "3"
    assert ada.ask("DELETE", "registered-models/alias", alias)[0] == 200
    code = "INVALID_PARAMETER_VALUE"
    assert "not found" in ada.refused(code, "GET", where)[1]
    for name in ("latest", "v3", "a b", ""):
        told = {"name": "aliased", "alias": name, "version": "3"}
        ada.refused(code, "POST", "registered-models/alias", **told)


def test_a_tracked_version_is_pinned_by_no_endpoint(line, ada, logged, tmp_path):
    registered(ada, logged, "pinned")
    texts = (
        OPERATOR,
        resource("Provider", "library", "type: onnx"),
        resource("Model", "pinned", "owner: team\ntrained: {provider: library}"),
        resource("Endpoint", "pinned", "model: pinned@1\nstage: development"),
    )
    folder = write(tmp_path / "stack", stack="---\n".join(texts))

    with pytest.raises(Invalid) as refused:
        line.app.desk.propose(folder)
    told = [str(problem) for problem in refused.value.problems]
    assert any("pinned@1 cannot be served" in text for text in told), told


SOURCES = ["/etc", "s3://bucket/x", "file:///etc", "runs:/none/model", "models:/m-0"]


@pytest.mark.parametrize("source", SOURCES)
def test_only_files_that_are_here_are_registered(ada, source):
    ada.ask("POST", "registered-models/create", {"name": "sources"})
    status, _, told = ada.ask(
        "POST", "model-versions/create", {"name": "sources", "source": source}
    )

    assert status in (400, 404), told
    assert set(told) == {"error_code", "message"}


def test_models_and_versions_are_found(ada, logged):
    registered(ada, logged, "find me", tags=[{"key": "q", "value": "good"}])
    for text in ("name = 'find me'", "tags.q = 'good' and version_number > 0"):
        where = {"filter": text, "max_results": 50}
        query = "&".join(f"{k}={v}" for k, v in where.items()).replace(" ", "%20")
        found = ada.get(f"model-versions/search?{query.replace('>', '%3E')}")
        assert [v["name"] for v in found["model_versions"]] == ["find me"], text
    text = (
        "name%20ILIKE%20'FIND%25'%20AND%20tag.`mlflow.prompt.is_prompt`%20!=%20'true'"
    )
    found = ada.get(f"registered-models/search?filter={text}")["registered_models"]
    assert [m["name"] for m in found] == ["find me"]
    seen, token = [], ""
    for n in range(3):
        ada.post("registered-models/create", name=f"page {n}")
    while token is not None:
        where = "registered-models/search?filter=name%20LIKE%20'page%25'&max_results=2"
        page = ada.get(f"{where}&page_token={token}")
        seen += [m["name"] for m in page["registered_models"]]
        token = page.get("next_page_token")
    assert seen == ["page 0", "page 1", "page 2"]
    ada.post("registered-models/rename", name="page 0", new_name="page 9")
    ada.refused("RESOURCE_DOES_NOT_EXIST", "GET", "registered-models/get?name=page%200")
    told = {"name": "page 1"}
    ada.refused("RESOURCE_ALREADY_EXISTS", "POST", "registered-models/create", **told)


def test_logged_models_have_files_and_metrics(ada):
    run = ada.run()
    made = ada.post(
        "logged-models",
        experiment_id="0",
        name="best",
        source_run_id=run["run_id"],
        params=[{"key": "depth", "value": "3"}],
    )["model"]["info"]
    id = made["model_id"]
    where = f"{FILES}{made['artifact_uri'].removeprefix('mlflow-artifacts:/')}"
    assert ada.ask("PUT", f"{where}/MLmodel", b"x")[0] == 200
    point = {"key": "acc", "value": 0.7, "timestamp": 1, "model_id": id}
    ada.post("runs/log-metric", run_id=run["run_id"], **point, dataset_name="test")
    ada.ask("PATCH", f"logged-models/{id}", {"status": 2, "model_id": id})
    found = ada.get(f"logged-models/{id}")["model"]

    assert found["info"]["status"] == "LOGGED_MODEL_READY"
    assert found["data"]["metrics"][0]["dataset_name"] == "test"
    assert ada.get(f"artifacts/list?run_id={run['run_id']}")["files"] == []
    hidden = f"{FILES}0/{run['run_id']}/artifacts/.models/{id}/MLmodel"
    assert ada.ask("PUT", hidden, b"evil")[0] == 400
    for text, count in (("metrics.acc > 0.5", 1), ("metrics.acc > 0.9", 0)):
        wanted = {"experiment_ids": ["0"], "filter": f"{text} AND name = 'best'"}
        assert len(ada.post("logged-models/search", **wanted)["models"]) == count
    ada.ask("POST", "registered-models/create", {"name": "of logged"})
    told = {"name": "of logged", "source": f"models:/{id}"}
    version = ada.post("model-versions/create", **told)["model_version"]
    assert (version["model_id"], version["run_id"]) == (id, run["run_id"])
    assert ada.ask("PUT", f"{where}/MLmodel", b"evil")[0] == 409
    ada.refused("INVALID_PARAMETER_VALUE", "DELETE", f"logged-models/{id}")
    code = "RESOURCE_DOES_NOT_EXIST"
    ada.refused(code, "GET", "logged-models/m-nothing")


def test_odd_paths_lead_nowhere(ada):
    run = ada.run()
    for path in ("../up", "a//b", "a/./b", "%00", "a%5cb", ""):
        assert ada.put(run, path, b"x") in (400, 404), path
    for where in ("", "0", "0/none/artifacts/x", "registry/x/1/y", "registry/x/y/z"):
        status, _, told = ada.ask("GET", f"{FILES}{where}")
        assert status in (400, 404), (where, told)
        assert set(told) == {"error_code", "message"}


def test_multipart_is_answered_honestly(ada):
    run = ada.run()
    where = f"0/{run['run_id']}/artifacts/x"
    for act in ("create", "complete", "abort"):
        path = f"/api/2.0/mlflow-artifacts/mpu/{act}/{where}"
        assert ada.refused("NOT_IMPLEMENTED", "POST", path)[0] == 501
    code = "NOT_IMPLEMENTED"
    assert ada.refused(code, "GET", f"/api/2.0/mlflow-artifacts/presigned/{where}")


def data(name, digest="1a2b3c4d", context=""):
    tags = [{"key": "mlflow.data.context", "value": context}] if context else []
    tags.append({"key": "roadbed.version", "value": "forged@1"})
    told = {"name": name, "digest": digest, "source_type": "code", "source": "{}"}
    return {"dataset": told, "tags": tags}


@pytest.fixture(scope="module")
def cells(line):
    """A registered dataset of the tenant default, and its second version."""
    keep = line.app.datasets.snapshot
    return [keep("cells", {"size": [1, n]}, "user:ada") for n in (2, 3)]


def test_data_that_is_a_registered_version_is_in_the_chain(line, ada, cells, logged):
    second = cells[1].digest.removeprefix("sha256:")[:36]
    said = [
        data("cells@1", context="train"),
        data("cells", digest=second, context="eval"),
        data("cells@2", digest="5e6f7a8b", context="probe"),
        data("cells@9"),
        data("elsewhere", context="train"),
        data("cells"),
    ]
    ada.post("runs/log-inputs", run_id=logged["run_id"], datasets=said)
    made = registered(ada, logged, "in the chain")
    run = ada.get(f"runs/get?run_id={logged['run_id']}")["run"]
    shown = {i["dataset"]["name"]: i["tags"] for i in run["inputs"]["dataset_inputs"]}
    named = next(t["value"] for t in made["tags"] if t["key"] == "roadbed.version")
    with line.app.database.read() as connection:
        record = get_run(connection, logged["run_id"])
        chain = lineage_of(connection, parse(named))
        uses = uses_of(connection, VersionRef("cells", 2))

    assert {(u.role, str(u), u.digest) for u in record.data} == {
        ("training", "cells@1", cells[0].digest),
        ("evaluation", "cells@2", cells[1].digest),
        ("probe", "cells@2", cells[1].digest),
    }
    assert {s.name for s in chain.sources if s.kind == "dataset"} == {
        "cells@1",
        "cells@2",
    }
    assert [u.version for u in uses] == [named]
    assert {"key": "roadbed.version", "value": "cells@1"} in shown["cells@1"]
    assert not [t for t in shown["elsewhere"] if t["key"] == "roadbed.version"]
    assert {t["key"] for t in shown["cells@9"]} <= {"mlflow.data.context"}


def test_a_registered_version_is_verified_to_its_data(line, ada, cells, logged):
    ada.post("runs/log-inputs", run_id=logged["run_id"], datasets=[data("cells@1")])
    made = registered(ada, logged, "to its data")
    named = next(t["value"] for t in made["tags"] if t["key"] == "roadbed.version")
    found = line.app.prover.version(parse(named))

    assert not found.broken, found
    assert ("Dataset version", "cells@1") in {(x.kind, x.name) for x in found.links}


def test_data_of_others_is_a_claim_and_no_more(line, abe, cells):
    run = abe.run()
    abe.post("runs/log-inputs", run_id=run["run_id"], datasets=[data("cells@1")])
    told = abe.get(f"runs/get?run_id={run['run_id']}")["run"]
    with line.app.database.read() as connection:
        assert get_run(connection, run["run_id"]).data == ()

    assert told["inputs"]["dataset_inputs"][0]["tags"] == []


def test_data_that_is_told_of_after_the_end_stays_beside_the_record(line, ada, cells):
    run = ada.run()
    ada.post("runs/update", run_id=run["run_id"], status="FINISHED")
    ada.post("runs/log-inputs", run_id=run["run_id"], datasets=[data("cells@1")])
    told = ada.get(f"runs/get?run_id={run['run_id']}")["run"]
    with line.app.database.read() as connection:
        assert get_run(connection, run["run_id"]).data == ()

    assert told["inputs"]["dataset_inputs"][0]["dataset"]["name"] == "cells@1"
