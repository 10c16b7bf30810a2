"""The main job, through the doors a stranger uses."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from tests.acceptance.line import Line

ENDPOINT = """\
apiVersion: roadbed/v1
kind: Endpoint
metadata: {{name: second}}
spec: {{model: {model}, stage: production}}
"""


def declare(line, name, text):
    file = line.folder / "endpoints" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def test_a_second_plan_is_empty(line):
    plan = line.json("plan")

    assert plan["changes"] == []


def test_no_command_works_without_a_key(line):
    (line.folder / ".roadbed" / "operator.key").unlink()

    for words in (["plan"], ["apply", "--yes"], ["calls", "list"], ["key", "list"]):
        assert "roadbed login" in line.run(*words, code=4)


def test_the_bootstrap_token_works_once(line):
    other = Line(line.folder.parent / "other")
    other.folder.mkdir()
    other.run("init", ".")
    token = (other.folder / ".roadbed" / "bootstrap-token").read_text()
    other.run("login", stdin=token)
    told = other.run("login", stdin=token, code=4)

    assert "bootstrap token" in told


def test_a_role_that_may_not_apply_is_refused_and_audited(line):
    key = line.key("demo-app")
    told = line.run("apply", "--yes", code=4, ROADBED_KEY=key)
    denied = line.json("audit", "list", "--outcome", "denied")["entries"]

    assert "demo-app" in told
    assert denied[0]["action"] == "stack.apply"


def test_apply_is_visible_soon_without_one_failed_request(served):
    failures, running = [], threading.Event()

    def load():
        while not running.is_set():
            status, _, body = served.ask(served.app_key)
            if status != 200:
                failures.append((status, body))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    declare(served, "second", ENDPOINT.format(model="handbook@1"))
    served.run("apply", "--yes")
    applied = time.monotonic()
    while served.ask(served.app_key, model="second")[0] != 200:
        assert time.monotonic() - applied < 10
        time.sleep(0.01)
    running.set()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_changed_document_makes_the_next_version(line):
    page = next((line.folder / "handbook").glob("*.md"))
    page.write_text(page.read_text() + "\n\nOne more honest paragraph.\n")
    plan = line.json("plan")

    assert [c["name"] for c in plan["changes"] if c["kind"] == "Model"] == ["handbook"]
    assert "handbook@2" in line.run("apply", "--yes")


def test_an_endpoint_may_not_pin_what_does_not_exist(line):
    declare(line, "second", ENDPOINT.format(model="handbook@9"))
    told = line.run("plan", code=2)

    assert "endpoints/second.yaml:4" in told
    assert "handbook@9" in told


def test_why_works_in_the_spool_and_after_sealing(line):
    line.up()
    _, call, _ = line.ask(line.key("demo-app"))
    spooled = line.json("why", call)
    line.stop()
    sealed = line.json("why", call)

    kinds = [hop["kind"] for hop in spooled["hops"]]
    assert {"Call", "Endpoint", "ModelVersion"} <= set(kinds)
    assert kinds == [hop["kind"] for hop in sealed["hops"]]


def test_one_edited_byte_in_a_sealed_file_is_named(line):
    line.up()
    _, call, _ = line.ask(line.key("demo-app"))
    line.stop()
    file = next((line.folder / ".roadbed").rglob("calls/**/*.parquet"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))

    told = line.run("audit", "verify", "--call", call, code=1)
    assert "audit: NOT verified" in told
    assert file.stem in told


def test_a_restored_backup_is_named(line):
    state = line.folder / ".roadbed"
    for name in ("control.db", "control.db-wal"):
        if (state / name).exists():
            shutil.copy(state / name, line.folder / name)
    line.key("demo-app")
    for name in ("control.db", "control.db-wal", "control.db-shm"):
        (state / name).unlink(missing_ok=True)
        if (line.folder / name).exists():
            shutil.copy(line.folder / name, state / name)

    told = line.run("audit", "verify", code=1)
    assert "missing" in told


def test_the_state_directory_is_for_its_owner_only(line):
    state = line.folder / ".roadbed"

    assert state.stat().st_mode & 0o077 == 0
    for name in ("operator.key", "audit/signing-key.pem"):
        assert (state / name).stat().st_mode & 0o077 == 0


def test_errors_are_one_json_object_where_json_was_asked(line):
    (line.folder / "broken.yaml").write_text("kind: Endpont\n")
    told = line.run("plan", "-o", "json", code=2)

    error = json.loads(told.strip().splitlines()[-1])["error"]
    assert error["problems"][0]["file"].endswith("broken.yaml")


@pytest.mark.parametrize("name", ["init", "plan", "apply", "up", "why", "audit", "key"])
def test_every_command_explains_itself(name, tmp_path):
    assert "Usage: roadbed" in Line(tmp_path).run(name, "--help")


def test_init_writes_nothing_over(line):
    before = {p: p.read_bytes() for p in line.folder.rglob("*.yaml")}
    told = line.run("init", ".", code=5)

    assert "already" in told
    assert {p: p.read_bytes() for p in Path(line.folder).rglob("*.yaml")} == before
