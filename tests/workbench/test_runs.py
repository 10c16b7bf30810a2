"""Runs from beginning to end: joined, killed, with files, and read past the API."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from roadbed.core.errors import Conflict, Invalid
from roadbed.registry.leases import standings
from roadbed.registry.recipe import recipe_of
from roadbed.registry.runs import Intent
from roadbed.registry.tracking import points
from roadbed.registry.tracking.artifacts import Artifacts
from roadbed.registry.tracking.params import tags_of
from roadbed.workbench import code, recipe, watch
from roadbed.workbench.launch import Order, launch


def test_what_a_run_leaves_behind(bed, tmp_path):
    with bed.run("train") as run:
        for step, loss in enumerate([0.9, 0.5, 0.3]):
            run.log(loss=loss, step=step)
        run.tag(team="oncology")
        run.artifact("plots/loss.txt", "down")
    kept = Artifacts(bed.database, bed.blobs, bed.clock)
    with bed.database.read() as connection:
        logged = points.history(connection, run.id, "loss")
        assert tags_of(connection, run.id) == {"team": "oncology"}

    assert [(p.step, p.value) for p in logged] == [(0, 0.9), (1, 0.5), (2, 0.3)]
    assert b"".join(kept.get(run.id, "plots/loss.txt")[1]) == b"down"
    assert run.record.metrics == {"loss": 0.3}
    assert run.record.environment["hardware"]["cpus"] == os.cpu_count()


def test_a_file_that_leaves_its_run_is_refused(bed):
    with bed.run("train") as run:
        with pytest.raises(Invalid, match="no path"):
            run.artifact("../evil", b"x")
        with pytest.raises(Invalid, match="no file"):
            run.artifact("number", 7)
    assert run.record.status == "finished"


def test_data_that_is_read_through_the_api_is_on_the_record(bed):
    bed.dataset("tumors").snapshot({"x": [1, 2]})
    with bed.run("train") as run:
        bed.dataset("tumors").frame()

    assert [(u.role, str(u)) for u in run.record.data] == [("read", "tumors@1")]


def test_data_that_is_read_past_the_api_is_flagged(bed, tmp_path):
    file, other = tmp_path / "tumors.csv", tmp_path / "notes.csv"
    file.write_text("x,y\n1,2\n")
    other.write_text("a,b\n1,2\n")
    bed.dataset("tumors").snapshot(file)
    watch.begin()
    with bed.run("train") as run:
        for path in (file, other):
            path.read_text()

    assert [(u.role, str(u)) for u in run.record.data] == [("undeclared", "tumors@1")]


def test_declared_data_is_not_flagged_however_it_is_read(bed, tmp_path):
    file = tmp_path / "declared.csv"
    file.write_text("x,y\n5,6\n")
    made = bed.dataset("declared").snapshot(file)
    watch.begin()
    with bed.run("train", data=made) as run:
        file.read_text()
        run.frame()

    assert [(u.role, str(u)) for u in run.record.data] == [("training", "declared@1")]


def test_the_name_alone_means_the_newest_and_a_pin_goes_before_all(bed):
    for number in (1, 2, 3):
        bed.dataset("tumors").snapshot({"x": [number]})
    pinned = replace(bed, pins={"tumors": 2})
    with bed.run("a", data="tumors") as newest, pinned.run("b", data="tumors@1") as old:
        assert pinned.dataset("tumors").version(1).number == 2

    assert [str(run.record.data[0]) for run in (newest, old)] == [
        "tumors@3",
        "tumors@2",
    ]


def test_the_commit_is_kept_though_the_repository_goes(bed, repository, make_bed):
    folder, git = repository
    bed = make_bed(bed.database, folder)
    with bed.run("train") as first, bed.run("train") as second:
        pass
    bundle = first.record.code["bundle"]
    listed = subprocess.run(
        ["git", "bundle", "list-heads", bed.blobs.path(bundle)],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
    )

    assert git("rev-parse", "HEAD") in listed.stdout
    assert second.record.code["bundle"] == bundle


def test_a_folder_without_a_repository_has_no_bundle(tmp_path):
    assert code.top_of(tmp_path) is None


@pytest.mark.parametrize(
    ("words", "status", "error", "code"),
    [
        (["python", "-c", ""], "finished", "", 0),
        (["python", "-c", "raise SystemExit(7)"], "failed", "exit code 7", 7),
        (
            ["python", "-c", "import os; os.kill(os.getpid(), 9)"],
            "failed",
            "killed by SIGKILL",
            128 + signal.SIGKILL,
        ),
        (["no-such-program"], "failed", "the program was not found", 127),
    ],
    ids=["well", "exit", "killed", "absent"],
)
def test_a_program_is_a_run_and_its_end_is_on_record(bed, words, status, error, code):
    ended = launch(bed, Order(argv=words))

    assert (ended.run.status, ended.run.error, ended.code) == (status, error, code)
    assert ended.run.name in ("python", "no-such-program")


def test_a_block_is_part_of_the_run_that_was_opened_for_it(bed):
    made = bed.dataset("tumors").snapshot({"x": [1]})
    intent = Intent(name="o", actor=str(bed.actor), code={}, environment={})
    joined = replace(bed, joins=bed.runs.start(intent).id)
    with joined.run("train", data=made, params={"C": 1}, seed=3) as run:
        run.log(loss=0.5)
    assert run.record.status == "started"
    with pytest.raises(ZeroDivisionError), joined.run("train"):
        raise ZeroDivisionError
    record = bed.runs.get(joined.joins)
    with pytest.raises(Conflict):
        run.log(loss=1)

    assert (record.name, record.status, record.error) == (
        "train",
        "failed",
        "ZeroDivisionError",
    )
    assert (record.params, record.seed) == ({"C": 1}, 3)
    assert [str(used) for used in record.data] == ["tumors@1"]


def test_a_killed_process_leaves_its_points_and_its_run_is_lost(bed):
    child = (
        "import os, sys; from roadbed.core.clock import SystemClock\n"
        "from roadbed.database.engine import open_database\n"
        "from roadbed.registry.runs import Intent, Runs\n"
        "from roadbed.workbench.pulse import Pulse\n"
        "database, clock = open_database(sys.argv[1]), SystemClock()\n"
        "runs = Runs(database, clock)\n"
        "run = runs.start(Intent(name='t', actor='u', code={}, environment={}))\n"
        "Pulse(database, clock, run.id).begin()\n"
        "runs.log(run.id, {'loss': 0.5}, 3)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    url = str(bed.database.engine.url)
    done = subprocess.run([sys.executable, "-c", child, url], check=False)
    (run,) = bed.history("t")
    with bed.database.read() as connection:
        standing = standings(connection, [run], run.started_us)[run.id]

    assert done.returncode == -signal.SIGKILL
    assert run.metrics == {"loss": 0.5}
    assert standing == "lost"


def test_a_recipe_names_no_machine(repository):
    folder, _ = repository
    (folder / "sub").mkdir()
    words = [sys.executable, str(folder / "train.py"), "--fast"]
    made = recipe.of_words(words, folder, folder)
    below = recipe.of_words(["python", "../train.py"], folder, folder / "sub")

    assert made.argv == ("python", "train.py", "--fast")
    assert (made.entry, made.folder) == ("train.py", "")
    assert (below.entry, below.folder) == ("train.py", "sub")
    assert recipe.of_words(["make"], folder, folder.parent).problem


def test_a_script_that_no_commit_holds_is_kept(bed, repository, make_bed):
    folder, _ = repository
    (folder / "new.py").write_text("print(1)\n")
    ended = launch(make_bed(bed.database, folder), Order(argv=["python", "new.py"]))
    how = recipe_of(ended.run)

    assert b"".join(bed.blobs.get(how.files["new.py"])) == b"print(1)\n"
    assert ended.run.status == "finished"


def test_an_error_goes_on_though_somebody_closed_the_run(bed):
    with pytest.raises(ZeroDivisionError), bed.run("train") as run:
        bed.runs.finish(run.id, "failed", "stopped by hand")
        raise ZeroDivisionError

    assert run.record.error == "stopped by hand"
