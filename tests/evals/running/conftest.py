"""A line for each test, copied from one that was begun once."""

import shutil

import pytest

from tests.evals.running.line import Line, Quiz


@pytest.fixture(scope="session")
def begun(tmp_path_factory):
    """A line that was begun, and nothing more."""
    folder = tmp_path_factory.mktemp("line")
    Line(folder).close()
    return folder


@pytest.fixture
def line(begun, tmp_path):
    shutil.copytree(begun / ".roadbed", tmp_path / ".roadbed")
    Quiz.asked.clear()
    opened = Line(tmp_path)
    yield opened
    opened.close()
