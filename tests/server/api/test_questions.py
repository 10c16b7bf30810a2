"""What people ask, over the API."""

import json

from roadbed.core.digest import digest
from roadbed.registry.runs import Input, Intent
from roadbed.registry.tracking.artifacts import Artifacts
from roadbed.registry.versions import add_version


def test_the_questions_are_answered(estate):
    app = estate.app
    data = [
        app.datasets.snapshot("tumors", {"x": [n, n + 1.5]}, "user:mira")
        for n in (1, 7)
    ]
    made = []
    for version, accuracy in zip(data, (0.9, 0.8), strict=True):
        used = Input(
            role="training",
            dataset="tumors",
            number=version.number,
            digest=version.digest,
        )
        run = app.runs.start(
            Intent(name="q", actor="user:mira", code={}, environment={}, data=(used,))
        )
        app.runs.log(run.id, {"accuracy": accuracy}, 3)
        made.append(app.runs.finish(run.id, "finished"))
        body = {"provider": "here", "run": run.id, "artifact": digest(b"x")}
        with app.database.write() as connection:
            add_version(
                connection, "tumor-triage", {"trained": body}, "user:mira", 1, run.id
            )
    kept = Artifacts(app.database, app.blobs, app.clock)
    kept.put(made[1].id, "a/b.txt", [b"hello"])

    def ask(path, role="viewer"):
        status, _, told = estate.ask("GET", f"/api/v1/{path}", role)
        assert status == 200, (path, told)
        return told

    versions = "models/tumor-triage/versions"
    changes = ask(f"{versions}/1/diff/tumor-triage@2")
    assert changes["causes"][0]["kind"] == "data"
    assert ask(f"runs/{made[0].id}/diff/{made[1].id}")["effects"][0]["better"] is False
    sources = ask(f"{versions}/2/lineage")["sources"]
    assert [s["name"] for s in sources if s["kind"] == "dataset"] == [str(data[1])]
    assert ask(f"{versions}/2/status")["word"] == "never served"
    uses = ask(f"datasets/tumors/versions/{data[1].number}/uses")["uses"]
    assert [use["version"] for use in uses] == ["tumor-triage@2"]
    assert ask(f"runs/{made[1].id}/whole")["made"] == ["tumor-triage@2"]
    (point,) = ask(f"runs/{made[1].id}/metrics?key=accuracy")["points"]
    assert (point["step"], point["value"]) == (3, 0.8)
    (file,) = ask(f"runs/{made[1].id}/artifacts")["artifacts"]
    assert file["path"] == "a/b.txt"
    assert "hello" in str(ask(f"runs/{made[1].id}/artifacts/content?path=a/b.txt"))


def test_what_is_said_of_data_is_said_by_who_may_write_it(estate):
    version = estate.app.datasets.snapshot("tumors", {"x": [1]}, "user:mira")
    path = f"/api/v1/datasets/tumors/versions/{version.number}/marks"
    body = json.dumps({"reason": "another unit"}).encode()

    assert estate.ask("POST", path, "viewer", body=body)[0] == 403
    status, _, told = estate.ask("POST", path, "researcher", body=body)
    assert (status, told["bad"], told["reason"]) == (200, True, "another unit")
    assert estate.ask("POST", path, "researcher", body=b"{}")[0] == 400


def test_what_does_not_exist_is_not_found(estate):
    for path in (
        "models/tumor-triage/versions/1/diff/nothing@1",
        "models/nothing/versions/1/status",
        "datasets/tumors/versions/999/uses",
        "runs/nothing/whole",
        "runs/nothing/diff/nothing",
    ):
        assert estate.ask("GET", f"/api/v1/{path}", "viewer")[0] == 404, path
