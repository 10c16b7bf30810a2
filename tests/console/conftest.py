"""One console on a socket for all tests, and visitors of it."""

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.console.browse import ARGUMENTS, CHROMIUM, Trouble
from tests.console.custody import EmptyCustody, chained
from tests.console.sample import EmptyData, SampleData
from tests.console.served import VIEWER_KEY, Refusals, Server, Visitor, application


@pytest.fixture(scope="session")
def chain(tmp_path_factory, empty_file):
    """A real chain of custody for all tests; none of them changes it."""
    made = chained(tmp_path_factory.mktemp("chain"), empty_file)
    yield made
    made.database.close()


@pytest.fixture(scope="session")
def data(chain):
    """What the shared console shows."""
    return SampleData(chain.custody())


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
    with Server(application(EmptyData(EmptyCustody()))) as running:
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


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, headless; a test that needs it is skipped without it."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed; `apt-get install chromium` adds it")
    expect.set_options(timeout=20_000)  # a busy machine is no fault of the page
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium, server, reader):
    """A signed-in tab; the test fails if anything at all went wrong in it."""
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900},
        color_scheme="light",
        reduced_motion="reduce",
    )
    cookies = [{"name": n, "value": v} for n, v in reader.cookies.items()]
    context.add_cookies([{**each, "url": server.url} for each in cookies])
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.trouble = Trouble(server.url)
    page.trouble.watch(page)
    yield page
    seen = page.trouble.collect(page)
    context.close()
    assert not seen
