"""One console on a socket for all tests, and visitors of it."""

import pytest

from tests.console.sample import EmptyData, SampleData
from tests.console.served import VIEWER_KEY, Refusals, Server, Visitor, application


@pytest.fixture(scope="session")
def data():
    """What the shared console shows."""
    return SampleData()


@pytest.fixture(scope="session")
def refusals():
    """Everything the shared console refused."""
    return Refusals()


@pytest.fixture(scope="session")
def server(data, refusals):
    """The shared console."""
    with Server(application(data, refused=refusals)) as running:
        yield running


@pytest.fixture(scope="session")
def empty_server():
    """The console of a fresh installation."""
    with Server(application(EmptyData())) as running:
        yield running


@pytest.fixture
def stranger(server):
    """Somebody without a session."""
    return Visitor(server)


@pytest.fixture
def reader(server):
    """Somebody who may read everything."""
    visitor = Visitor(server)
    visitor.sign_in()
    return visitor


@pytest.fixture
def guest(server):
    """Somebody who may not read payloads, resources and the audit log."""
    visitor = Visitor(server)
    visitor.sign_in(VIEWER_KEY)
    return visitor
