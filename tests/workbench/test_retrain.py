"""Train again and repeat, with real scripts in a real repository; nothing is served."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from roadbed.adapters.code.git import GitCode
from roadbed.core.errors import Conflict, Invalid
from roadbed.core.reference import VersionRef
from roadbed.data.marks import Said, mark
from roadbed.registry import retrains
from roadbed.registry.runs import Intent
from roadbed.registry.versions import list_versions
from roadbed.workbench.launch import Order, launch
from roadbed.workbench.repeat import Again, repeat
from roadbed.workbench.reproduce import reproduce
from roadbed.workbench.retrain import Retrained, retrain

SCRIPT = """
import os, sys, time
from pathlib import Path
from roadbed.core.clock import SystemClock
from roadbed.database.engine import open_database
from roadbed.registry.runs import Runs
from roadbed.registry.versions import add_version
database = open_database({url!r})
run, pins = os.environ["ROADBED_RUN"], os.environ.get("ROADBED_PINS", "")
Runs(database, SystemClock()).log(run, {{"accuracy": 0.5}})
while sys.argv[1] == "b" and Path({held!r}).exists():
    time.sleep(0.05)
with database.write() as connection:
    body = {{"provider": "here", "run": run, "pins": pins}}
    add_version(connection, sys.argv[1], {{"trained": body}}, "user:mira", 1, run)
"""


RETRAIN = """
import sys
from pathlib import Path
from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.adapters.code.git import GitCode
from roadbed.core.reference import VersionRef
from roadbed.database.engine import open_database
from roadbed.workbench.retrain import retrain
from tests.workbench.conftest import Gate, bed_on
url, folder, blobs = sys.argv[1:]
bed = bed_on(open_database(url), Path(folder), LocalBlobs(Path(blobs)), Gate())
[*retrain(bed, GitCode(), VersionRef("tumors", 2), VersionRef("tumors", 3), 1)]
"""


def held_by(folder):
    """Return the file that keeps the training of `b` from ending, while it is there."""
    return folder.parent / "held"


@pytest.fixture
def trained(bed, repository, make_bed):
    """Two models, each trained once on the second version of a dataset."""
    folder, git = repository
    url = f"sqlite:///{bed.database.engine.url.database}"
    (folder / "train.py").write_text(SCRIPT.format(url=url, held=str(held_by(folder))))
    git("commit", "-q", "-am", "train")
    made = make_bed(bed.database, folder)
    versions = [made.dataset("tumors").snapshot({"x": [n]}) for n in (1, 2, 3)]
    for model in ("a", "b"):
        order = Order(
            argv=["python", "train.py", model], data={"training": versions[1]}
        )
        assert launch(made, order).code == 0
    return made


def names(bed):
    with bed.database.read() as connection:
        return {m: [str(v) for v in list_versions(connection, m)] for m in "ab"}


def test_every_model_is_trained_again_once_on_good_data(trained, repository):
    folder, _ = repository
    (folder / "train.py").write_text("raise SystemExit(9)\n")
    bad = VersionRef("tumors", 2)
    *steps, whole = retrain(trained, GitCode(), bad, None, 2)
    with trained.database.read() as connection:
        newest = list_versions(connection, "a")[0]

    assert isinstance(whole, Retrained)
    assert (whole.exit_code, whole.instead) == (0, "tumors@3")
    assert sorted(job.made for job in steps) == ["a@2", "b@2"]
    assert newest.body["pins"] == "tumors@3"
    assert [*retrain(trained, GitCode(), bad, None, 2)] == [whole]
    assert names(trained) == {"a": ["a@2", "a@1"], "b": ["b@2", "b@1"]}


def test_what_a_killed_retraining_had_made_is_not_made_again(trained):
    bad, good = VersionRef("tumors", 2), VersionRef("tumors", 3)
    run = trained.runs.get(trained.history()[0].id)
    with trained.database.write() as connection:
        jobs = retrains.plan(connection, str(bad), str(good), ["a@1", "b@1"])
        took = replace(jobs[1], status="running", run_id=run.id, at_us=1)
        retrains.write(connection, took)
    *_, whole = retrain(trained, GitCode(), bad, good, 1)

    assert [(job.version, job.made) for job in whole.jobs] == [
        ("a@1", "a@2"),
        ("b@1", "b@1"),
    ]
    assert names(trained)["b"] == ["b@1"]


def test_what_was_killed_in_the_middle_goes_on_where_it_was(
    trained, repository, tmp_path
):
    """`kill -9` of everything, while one model is done and the next is training."""
    folder, _ = repository
    held_by(folder).touch()
    url = f"sqlite:///{trained.database.engine.url.database}"
    words = [sys.executable, "-c", RETRAIN, url, folder, tmp_path / "blobs"]
    root = Path(__file__).parents[2]
    killed = subprocess.Popen(words, cwd=root, start_new_session=True)
    lost = wait_for(lambda: half_way(trained), killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    held_by(folder).unlink()
    bad, good = VersionRef("tumors", 2), VersionRef("tumors", 3)
    *steps, whole = retrain(trained, GitCode(), bad, good, 1)

    assert [job.made for job in steps] == ["b@2"]
    assert [job.made for job in whole.jobs] == ["a@2", "b@2"]
    assert names(trained) == {"a": ["a@2", "a@1"], "b": ["b@2", "b@1"]}
    assert steps[0].run_id != lost.run_id
    assert trained.runs.get(lost.run_id).status == "started"


def half_way(bed):
    """Return the job that is being done, once the one before it was; else None."""
    with bed.database.read() as connection:
        found = retrains.jobs(connection, "tumors@2", "tumors@3")
        words = [job.status for job in found]
        if words != ["done", "running"] or not found[1].run_id:
            return None
        return found[1]


def wait_for(found, process):
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        assert process.poll() is None, "it ended by itself"
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come to that in two minutes")


def test_without_another_good_version_nothing_is_trained(trained):
    with trained.database.write() as connection:
        for number in (1, 3):
            said = Said(bad=True, reason="also", actor="user:mira")
            mark(connection, VersionRef("tumors", number), said, number)

    with pytest.raises(Invalid, match="no other version"):
        next(retrain(trained, GitCode(), VersionRef("tumors", 2), None, 1))


def test_a_repetition_says_how_far_it_is(trained):
    run = trained.history()[0]
    found = reproduce(trained, GitCode(), run.id, allow_environment=True)

    assert (found.status, found.metrics[0].apart) == ("finished", 0.0)
    assert trained.runs.get(found.again).code["recipe"]["reproduces"] == run.id


def test_another_environment_is_refused_unless_it_is_allowed(trained):
    first = trained.history()[0]
    lock = trained.blobs.put([b"numpy==0.1\n"])
    environment = {**first.environment, "lock": lock}
    other = trained.runs.start(replace_intent(first, environment))
    trained.runs.finish(other.id, "finished")

    with pytest.raises(Conflict, match=r"without numpy==0\.1"):
        reproduce(trained, GitCode(), other.id)


def replace_intent(run, environment):
    return Intent(
        name=run.name,
        actor=run.actor,
        code=run.code,
        environment=environment,
        data=run.data,
    )


def test_a_run_without_a_recipe_cannot_be_repeated(bed):
    with bed.run("by-hand") as run:
        pass
    record = bed.runs.get(run.id)
    with pytest.raises(Invalid, match="cannot be run again"):
        repeat(bed, GitCode(), Again(run=record))
