"""Lines for the tests here: one that is shared, and fresh ones."""

import pytest

from tests.acceptance.line import Line


@pytest.fixture
def line(tmp_path):
    """A stack that was applied; no server yet."""
    made = Line(tmp_path / "line", seal_seconds=3600).start_stack()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A stack that was applied and is served, with a key for the application."""
    made = Line(tmp_path_factory.mktemp("served") / "line").start_stack().up()
    made.app_key = made.key("demo-app")
    yield made
    made.stop()
