"""Files of runs: kept by digest, found by path, closed by a version."""

import pytest

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.registry.tracking.artifacts import Artifacts, seal
from tests.registry.conftest import Ticking
from tests.registry.test_runs import INTENT


@pytest.fixture
def artifacts(database, tmp_path):
    return Artifacts(database, LocalBlobs(tmp_path / "blobs"), Ticking())


def test_a_file_comes_back_by_its_path(runs, artifacts):
    run = runs.start(INTENT)
    made = artifacts.put(run.id, "model/weights.bin", [b"ab", b"c"])
    found, pieces = artifacts.get(run.id, "model/weights.bin")

    assert found == made
    assert (made.bytes, b"".join(pieces)) == (3, b"abc")


def test_files_are_listed_below_a_folder(runs, artifacts):
    run = runs.start(INTENT)
    for path in ("a.txt", "model/b", "model/c/d", "model2/e"):
        artifacts.put(run.id, path, [b"x"])

    paths = [a.path for a in artifacts.list(run.id, "model")]
    assert paths == ["model/b", "model/c/d"]
    assert len(artifacts.list(run.id)) == 4


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../b", "a//b", "a\\b", "a\n"])
def test_a_path_that_leaves_the_run_is_refused(runs, artifacts, path):
    run = runs.start(INTENT)
    with pytest.raises(Invalid, match="no path of an artifact"):
        artifacts.put(run.id, path, [b"x"])


def test_what_a_version_rests_on_stays(runs, artifacts, database):
    run = runs.start(INTENT)
    for path in ("model_1/a", "modelx1/a"):
        artifacts.put(run.id, path, [b"before"])
    with database.write() as connection:
        seal(connection, run.id, "model_1")

    with pytest.raises(Conflict, match="part of a model version"):
        artifacts.put(run.id, "model_1/a", [b"after"])
    artifacts.put(run.id, "modelx1/a", [b"after"])
    assert b"".join(artifacts.get(run.id, "model_1/a")[1]) == b"before"


def test_there_must_be_such_a_run_and_such_a_file(runs, artifacts):
    with pytest.raises(NotFound, match="no run"):
        artifacts.put("nobody", "a", [b"x"])
    with pytest.raises(NotFound, match="no artifact"):
        artifacts.get(runs.start(INTENT).id, "a")
