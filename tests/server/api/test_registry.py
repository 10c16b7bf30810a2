"""What answers are made of can be looked up."""

from roadbed.core.reference import VersionRef
from roadbed.data.sources import Wish
from roadbed.registry.runs import Intent
from roadbed.registry.versions import add_version


def test_versions_and_runs_are_shown(estate):
    app = estate.app
    intent = Intent(
        name="train-cysts", actor="me", code={"commit": "abc"}, environment={}
    )
    run = app.runs.start(intent)
    definition = {"trained": {"provider": "onnx", "run": run.id}}
    with app.database.write() as connection:
        add_version(connection, "triage", definition, "me", 1, run.id)
    versions = estate.ask("GET", "/api/v1/models/triage/versions", "viewer")[2]
    version = estate.ask("GET", "/api/v1/models/triage/versions/1", "viewer")[2]
    runs = estate.ask("GET", "/api/v1/runs?name=train-cysts", "viewer")[2]
    shown = estate.ask("GET", f"/api/v1/runs/{run.id}", "viewer")[2]

    assert versions["versions"] == [version]
    assert version["definition"] == definition
    assert runs["runs"] == [shown]
    assert shown["code"] == {"commit": "abc"}


def test_dataset_versions_are_shown(estate):
    made = estate.app.datasets.snapshot("cysts", {"size": [1, 2, 3]}, "me")
    listed = estate.ask("GET", "/api/v1/datasets/cysts/versions", "viewer")[2]
    one = estate.ask("GET", "/api/v1/datasets/cysts/versions/1", "viewer")[2]

    assert listed["versions"] == [one]
    assert one["digest"] == made.digest
    assert one["rows"] == 3
    assert estate.app.datasets.get(VersionRef("cysts", 1)) == made


def test_what_does_not_exist_is_not_found(estate):
    for path in ("models/x/versions/9", "models/x/versions/y", "datasets/x/versions/1"):
        assert estate.ask("GET", f"/api/v1/{path}", "viewer")[0] == 404
    assert estate.ask("GET", "/api/v1/runs/nothing", "viewer")[0] == 404


def test_datasets_are_listed_compared_and_verified(estate):
    held = estate.app.datasets
    for rows in ([1, 2, 3], [2, 3, 4, 5]):
        held.snapshot("cysts", {"size": rows}, "me", Wish(key=("size",)))
    base = "/api/v1/datasets"
    listed = estate.ask("GET", base, "viewer")[2]["datasets"]
    newest = held.newest("cysts").number
    versions = f"{base}/cysts/versions/{newest}"
    found = estate.ask("GET", f"{versions}/diff?against={newest - 1}", "viewer")[2]
    whole = estate.ask("GET", f"{versions}/verify", "viewer")[2]

    assert {d["name"]: d["newest"] for d in listed}["cysts"] == newest
    assert found["rows"] == {"added": 2, "removed": 1, "changed": 0, "same": 2}
    assert found["columns"][0]["bars_left"]["counts"]
    assert (whole["verified"], whole["version"]) == (True, f"cysts@{newest}")
    for query, status in (("", 400), ("?against=0", 400), ("?against=9", 404)):
        assert estate.ask("GET", f"{versions}/diff{query}", "viewer")[0] == status
    bad = f"{versions}/diff?against={newest - 1}&key=nope"
    assert estate.ask("GET", bad, "viewer")[0] == 400
