"""Verification over the API names what is broken, hop by hop."""

from roadbed.registry.runs import Intent
from roadbed.registry.versions import add_version


def test_a_version_is_verified_and_a_flipped_artifact_is_named(estate):
    app = estate.app
    intent = Intent(name="train", actor="me", code={"commit": "abc"}, environment={})
    run = app.runs.start(intent)
    artifact = app.blobs.put([b"an artifact"])
    body = {"provider": "onnx", "artifact": artifact, "run": run.id}
    with app.database.write() as connection:
        add_version(connection, "proven", {"trained": body}, "me", 1, run.id)
    path = "/api/v1/models/proven/versions/1/verification"
    whole = estate.ask("GET", path, "viewer")[2]
    file = app.blobs.path(artifact)
    file.chmod(0o644)
    file.write_bytes(b"another one")
    flipped = estate.ask("GET", path, "viewer")[2]

    assert whole["state"] == "VERIFIED", whole
    assert [x["kind"] for x in whole["links"]][:3] == [
        *("Model version", "Statement", "Artifact")
    ]
    assert flipped["state"] == "BROKEN"
    [broken] = [x for x in flipped["links"] if x["state"] == "BROKEN"]
    assert (broken["kind"], broken["digest"]) == ("Artifact", artifact)


def test_what_does_not_exist_cannot_be_verified(estate):
    for path in (
        "models/x/versions/1/verification",
        "models/x/versions/y/verification",
        "calls/local-01930000-0000-7000-8000-000000000000/verification",
    ):
        assert estate.ask("GET", f"/api/v1/{path}", "viewer")[0] == 404
    assert estate.ask("GET", "/api/v1/calls/x/verification", "viewer")[0] in (400, 404)


def test_one_thing_is_verified_or_compared_at_a_time(estate):
    """Whoever comes meanwhile is told when to come back; nothing else waits."""
    for n in (1, 2):
        estate.app.datasets.snapshot("heavy", {"id": [1, n]}, "me")
    version = "/api/v1/datasets/heavy/versions/2"
    paths = [f"{version}/verify", f"{version}/diff?against=1"]
    with estate.services.heavy.turn():
        refused = [estate.ask("GET", path, "viewer") for path in paths]
        assert estate.ask("GET", version, "viewer")[0] == 200

    for status, headers, told in refused:
        assert (status, told["code"]) == (503, "overloaded")
        assert headers["retry-after"] == "1"
        assert "ask again in a moment" in told["hint"]
    assert [estate.ask("GET", path, "viewer")[0] for path in paths] == [200, 200]
