"""People in a real browser, who sign in at a real identity provider."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.company import company
from tests.console.browse import WATCH

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A line that is served, and its company."""
    with company(tmp_path_factory.mktemp("people")) as running:
        yield running


@pytest.fixture(params=["light"])
def tab(request, chromium):
    """A tab of somebody whom nobody knows yet."""
    context = chromium.new_context(color_scheme=request.param, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.add_init_script(WATCH)
    yield page
    context.close()


def violations(page):
    found = Axe().run(page).response["violations"]
    return [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found]


def enter(page, line, path="/console", name="Ada"):
    """Ask for *path*, sign in as *name*, and wait to be led back."""
    page.goto(line.base + path)
    page.get_by_role("link", name="Sign in with company").click()
    page.get_by_role("button", name=name).click()
    page.locator("html[data-ready]").wait_for()
    page.locator(".account").wait_for()


def test_a_person_lands_on_the_page_that_was_asked(tab, line):
    enter(tab, line, "/console/calls?status=error")

    assert tab.url == line.base + "/console/calls?status=error"
    expect(tab.locator(".who")).to_have_text("Ada")
    title = tab.locator(".who").get_attribute("title")
    assert title == f"user:{line.idp.issuer}#2489"
    assert tab.evaluate("window.roadbedSeen") == []


def test_the_cookies_are_kept_from_scripts(tab, line):
    enter(tab, line)

    kept = {c["name"]: c for c in tab.context.cookies(line.base)}
    assert kept["roadbed-session"]["httpOnly"] and kept["roadbed-sign-in"]["httpOnly"]
    assert kept["roadbed-session"]["sameSite"] == "Strict"
    assert kept["roadbed-sign-in"]["sameSite"] == "Lax"
    assert "roadbed" not in tab.evaluate("document.cookie")


def test_sign_out_ends_it(tab, line):
    enter(tab, line)
    tab.locator(".account summary").click()
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_role("link", name="Sign in with company").wait_for()

    assert tab.goto(line.base + "/console").status == 401


def test_who_has_no_role_is_told_whom_to_ask(tab, line):
    enter(tab, line, name="Grace")

    expect(tab.get_by_role("heading")).to_have_text(
        "You are signed in, without a role yet"
    )
    expect(tab.get_by_role("main")).to_contain_text("user:company/3107")
    assert violations(tab) == []


def test_whoami_names_the_issuer_the_groups_and_the_roles(tab, line):
    enter(tab, line, "/console/whoami")

    main = tab.get_by_role("main")
    for text in (line.idp.issuer, "2489", "company/eng", "security-admin", "otp, pwd"):
        expect(main).to_contain_text(text)
    assert violations(tab) == []


def test_a_state_that_was_altered_is_refused_with_a_page_that_helps(tab, line):
    tab.goto(line.base + "/console/audit")
    tab.get_by_role("link", name="Sign in with company").click()
    tab.get_by_role("button", name="Ada").wait_for()
    reply = tab.goto(line.callback + "?code=x&state=altered")

    assert reply.status == 401
    expect(tab.get_by_role("alert")).to_contain_text("This sign-in is not known here")
    expect(tab.get_by_role("link", name="Sign in with company")).to_be_visible()


def test_who_turns_back_at_the_provider_is_told_so(tab, line):
    tab.goto(line.base + "/console")
    tab.get_by_role("link", name="Sign in with company").click()
    tab.get_by_role("button", name="Nobody").click()

    expect(tab.get_by_role("alert")).to_contain_text("The provider let nobody in")


@pytest.mark.parametrize("tab", ["light", "dark"], indirect=True)
def test_the_door_is_accessible_and_works_with_the_keyboard(tab, line):
    tab.goto(line.base + "/console/sign-in")
    closed = violations(tab)
    tab.get_by_text("Use the key of a service account").press("Enter")
    expect(tab.get_by_label("Service account key")).to_be_visible()
    opened = violations(tab)
    tab.get_by_role("link", name="Sign in with company").press("Enter")
    tab.get_by_role("button", name="Ada").press("Enter")
    tab.get_by_role("navigation", name="Console").wait_for()

    assert closed == opened == []


def test_to_sign_in_again_asks_again_and_comes_back(tab, line):
    enter(tab, line, "/console/whoami")
    known = f"{line.base}/console/sign-in/company?next=/console/whoami&again=1"
    tab.goto(known)
    tab.get_by_role("button", name="Ada").click()
    tab.locator("html[data-ready]").wait_for()

    assert tab.url == line.base + "/console/whoami"
    expect(tab.get_by_role("main")).to_contain_text("possible until")
