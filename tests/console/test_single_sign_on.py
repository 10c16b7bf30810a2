"""The page about single sign-on, followed to its end in a real browser."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

import conftest
from tests.cli.test_people import Login
from tests.idp import Browser, approve_device, need_node

pytestmark = pytest.mark.browser
PAGE = Path("docs/how-to/single-sign-on.md")


@pytest.fixture(scope="module")
def place():
    """What there is after all commands of the page: a server, a provider, a stack."""
    need_node()
    space = {}
    conftest.begin(space)
    try:
        for block in re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
            conftest.run_bash(SimpleNamespace(parsed=block, namespace=space))
        yield SimpleNamespace(
            folder=space["cwd"],
            environment=space["env"],
            base=f"http://127.0.0.1:{space['env']['ROADBED_PORT']}",
            idp=f"http://127.0.0.1:{space['idp']}",
        )
    finally:
        conftest.end(space)


def enter(page, place, name):
    page.goto(place.base + "/console/whoami")
    page.get_by_role("link", name="Sign in with company").click()
    page.get_by_role("button", name=name).click()
    page.locator(".account").wait_for()


def test_ada_sees_what_the_page_says_that_she_sees(chromium, place):
    page = chromium.new_context().new_page()
    enter(page, place, "Ada")
    said = re.search(r"```text\n(Ada\n.*?)```", PAGE.read_text(), re.S)[1]
    said = said.replace("http://127.0.0.1:9400", place.idp)

    main = page.get_by_role("main")
    for line in said.splitlines():
        for words in re.split(r"\s{2,}", line):
            expect(main).to_contain_text(words)
    page.context.close()


@pytest.mark.parametrize(
    ("name", "words"), [("Grace", "auditor"), ("Guest", "Roles none")]
)
def test_the_others_hold_what_is_bound_to_them(chromium, place, name, words):
    page = chromium.new_context().new_page()
    enter(page, place, name)
    text = " ".join(page.get_by_role("main").inner_text().split())

    assert words in text
    page.context.close()


def test_ada_logs_in_at_the_command_line_as_the_page_shows(place):
    login = Login(place)
    approve_device(Browser(), login.address())

    assert login.end() == 0
    for words in ("open this address on any device", "user:", "#2489 (Ada)"):
        assert words in login.text
    for words in ("open this address on any device", "(Ada)", "with the code in it"):
        assert words in PAGE.read_text()
