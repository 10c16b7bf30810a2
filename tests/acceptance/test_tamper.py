"""Whoever edits the database or the files behind our back is named."""

import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.line import Line, fetch

DEMO = Path("demo").resolve()


class Traced(Line):
    """A line that answered a prediction, whose chain leads to data and code."""

    def build(self):
        self.start_stack()
        shutil.copy(DEMO / "train.py", self.folder)
        command = [sys.executable, "train.py"]
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True)
        shutil.copy(DEMO / "endpoint.yaml", self.folder / "tumor-endpoint.yaml")
        self.run("apply", "--yes")
        self.up()
        self.call = self.predict(self.key("demo-app"))
        self.stop()
        return self

    def predict(self, key):
        tensor = {"name": "input", "datatype": "FP32", "shape": [1, 30]}
        body = {"inputs": [{**tensor, "data": [float(n) for n in range(30)]}]}
        request = urllib.request.Request(
            f"{self.base}/v2/models/tumor-triage/infer",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}"},
        )
        status, answer = fetch(request)
        assert status == 200, answer
        return json.loads(answer)["parameters"]["roadbed_call"]

    def copy_to(self, folder):
        """Return a copy of the whole line, to be tampered with."""
        shutil.copytree(self.folder, folder)
        copied = Traced(folder)
        copied.call = self.call
        return copied

    @property
    def state(self):
        return self.folder / ".roadbed"

    def forge(self, *statements):
        connection = sqlite3.connect(self.state / "control.db")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()
        connection.close()

    def ask_database(self, query):
        connection = sqlite3.connect(self.state / "control.db")
        found = connection.execute(query).fetchall()
        connection.close()
        return found

    def parsed(self, *words):
        """Return the JSON that a command prints whatever it is asked for."""
        return json.loads(self.run(*words))

    def verify(self, *words):
        """Return what `audit verify` says of a line that was tampered with."""
        told = self.run("audit", "verify", *words, code=1)
        assert told.startswith("audit: NOT verified\n")
        return told


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return Traced(tmp_path_factory.mktemp("built") / "line").build()


@pytest.fixture
def traced(built, tmp_path):
    return built.copy_to(tmp_path / "line")


def test_an_untouched_line_is_verified_and_each_link_names_its_entry(traced):
    told = traced.run("audit", "verify", "--call", traced.call)
    hops = traced.json("why", traced.call)["hops"]
    text = traced.run("why", traced.call)

    assert told.startswith("audit: verified\n")
    assert f"  ✓ call {traced.call} is leaf" in told
    assert "✗" not in told
    assert all(hop["checked"] for hop in hops if hop["kind"] != "Call")
    assert "    checked against audit entry " in text
    assert [h["kind"] for h in hops if h["digest"].startswith("sha256:")][-3:] == [
        *("Run", "DatasetVersion", "Dataset")
    ]


def test_an_answer_is_verified_down_to_its_data(traced):
    told = traced.json("verify", traced.call)
    text = traced.run("model", "verify", "tumor-triage@1")

    open_ends = [x for x in told["links"] if x["state"] != "VERIFIED"]
    # The demo's folder is in no repository: there is no commit to record.
    assert [(x["kind"], x["state"]) for x in open_ends] in (
        [],
        [("Code", "UNSEALED")],
    )
    assert {x["kind"] for x in told["links"]} >= {
        *("Call", "Sealed batch", "Snapshot", "Endpoint", "Model version"),
        *("Statement", "Artifact", "Run", "Environment lock"),
        *("Dataset version", "Manifest", "Object"),
    }
    assert text.startswith("STATE")
    assert "VERIFIED  Statement" in text


def test_a_flipped_artifact_is_named_and_not_served(traced):
    definition = traced.parsed("model", "get", "tumor-triage@1")["definition"]
    name = definition["trained"]["artifact"].removeprefix("sha256:")
    file = traced.state / "blobs" / "sha256" / name[:2] / name[2:]
    flip(file)

    told = traced.run("model", "verify", "tumor-triage@1", code=1)
    [line] = [line for line in told.splitlines() if line.startswith("BROKEN")]
    assert "Artifact" in line
    assert f"sha256:{name}"[:19] in line
    traced.up()
    traced.stop()
    assert "not served: tumor-triage: blob sha256:" in traced.log()
    assert "is damaged" in traced.log()


def flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))


def test_every_forged_row_is_named(traced):
    traced.forge(
        "UPDATE runs SET actor = 'user:eve', metrics = '{\"accuracy\":1}'",
        "UPDATE resources SET applied_by = 'user:eve' WHERE kind = 'Endpoint'",
        "UPDATE snapshots SET applied_by = 'user:eve', applied_us = 5",
        "UPDATE model_versions SET actor = 'user:eve', created_us = 5",
        "UPDATE dataset_versions SET actor = 'user:eve'",
        "UPDATE access_keys SET created_by = 'user:eve', expires_us = expires_us + 1",
    )

    told = traced.verify("--call", traced.call)
    assert "its actor, record differ from audit entry" in told
    assert "Endpoint/tumor-triage, revision 1: its applied_by differs from" in told
    assert "stack revision 1: its applied_by, time differ from audit entry" in told
    assert "tumor-triage@1: its actor, time differ from audit entry" in told
    assert "tumors@1: its actor differs from audit entry" in told
    assert ": its created_by, expiry differ from audit entry" in told
    assert f"  ✓ call {traced.call} is leaf" in told


def test_forged_content_is_named(traced):
    traced.forge(
        "UPDATE runs SET params = '{\"C\":9}', code = '{}'",
        "UPDATE snapshots SET content = '{}' WHERE revision = 1",
        "UPDATE dataset_versions SET manifest = '{}'",
    )

    told = traced.verify()
    assert "its record differs from audit entry" in told
    assert "stack revision 1: its content differs from audit entry" in told
    assert "tumors@1: its manifest differs from audit entry" in told


def test_an_edited_definition_is_named_before_anything_is_done_with_it(traced):
    traced.forge("UPDATE model_versions SET definition = '{}' WHERE model = 'handbook'")

    assert "handbook@1" in traced.run("audit", "verify", code=1)


def test_one_flipped_byte_of_each_blob_is_named(traced):
    files = [p for p in (traced.state / "blobs" / "sha256").rglob("*") if p.is_file()]
    for file in files:
        flip(file)

    told = traced.verify()
    assert "tumor-triage@1: artifact sha256:" in told
    assert "tumors@1: object sha256:" in told
    assert "handbook@1: document " in told
    assert {f"sha256:{f.parent.name}{f.name}" in told for f in files} == {True}


def test_a_run_that_the_table_forgot_is_still_found(traced):
    [(run,)] = traced.ask_database("SELECT id FROM runs")
    traced.forge("UPDATE model_versions SET run_id = NULL WHERE run_id IS NOT NULL")

    chain = traced.json("why", traced.call)
    assert run in [hop["name"] for hop in chain["hops"] if hop["kind"] == "Run"]
    assert any(f"its definition names run {run}" in note for note in chain["notes"])
    assert "tumor-triage@1: its run differs from audit entry" in traced.verify()


def test_why_notes_what_differs_from_the_log(traced):
    traced.forge("UPDATE runs SET actor = 'user:eve'")

    chain = traced.json("why", traced.call)
    [run] = [hop for hop in chain["hops"] if hop["kind"] == "Run"]
    assert run["checked"] == ""
    assert any("its actor, record differ from audit" in n for n in chain["notes"])


def test_a_missing_parquet_file_is_one_finding_among_the_rest(traced):
    for file in traced.state.rglob("calls/**/*.parquet"):
        file.unlink()
    traced.forge("UPDATE dataset_versions SET actor = 'user:eve'")

    told = traced.verify("--call", traced.call)
    assert f"call {traced.call} cannot be proven" in told
    assert "tumors@1: its actor differs from audit entry" in told
    assert ".parquet is missing" in told


@pytest.mark.parametrize("data", [None, b"", bytes(range(256)) * 9])
def test_a_damaged_copy_of_the_checkpoints_is_named(traced, data):
    copy = traced.state / "audit" / "checkpoints.txt"
    copy.unlink() if data is None else copy.write_bytes(data)

    assert "missing in the copy outside the database" in traced.verify()
