"""One house that most tests share, and a limit on how long a test may take."""

import http.client
import signal

import pytest

from tests.server.house import KEY, serving_house

LIMIT_SECONDS = 60


@pytest.fixture(autouse=True)
def nothing_hangs():
    """Fail the test that takes longer than a minute, instead of waiting for ever."""

    def too_long(number, frame):
        raise TimeoutError(f"the test took longer than {LIMIT_SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def house():
    """A house with one of each tiny model."""
    with serving_house() as made:
        yield made


@pytest.fixture
def post(house):
    """POST a body with a valid key; return status, headers and body."""

    def send(path, body, headers=None, method="POST"):
        connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=20)
        given = {"Authorization": f"Bearer {KEY}", **(headers or {})}
        connection.request(method, path, body=body, headers=given)
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        return answer.status, answer.headers, told

    return send
