"""The console in a real browser: every page, both themes, keyboard and mouse."""

import re
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.console.browse import Trouble, go, open_page, settled, sign_in
from tests.console.sample import CALLS, NOW, call_id, call_row
from tests.console.served import VIEWER_KEY

pytestmark = pytest.mark.browser

PAGES = {
    "overview": "/console",
    "calls": "/console/calls",
    "peek": f"/console/calls?peek={call_id(3)}",
    "filtered": "/console/calls?status=error&range=custom&since=2026-11-20T08:00",
    "prediction": f"/console/calls/{call_id(0)}",
    "answer": f"/console/calls/{call_id(1)}",
    "payload": f"/console/calls/{call_id(0)}/payload",
    "proof": f"/console/calls/{call_id(0)}/proof",
    "endpoints": "/console/endpoints",
    "endpoint": "/console/endpoints/reply-draft",
    "broken": "/console/endpoints/wine-quality",
    "resources": "/console/resources",
    "resource": "/console/resources/Endpoint/tumor-triage",
    "model": "/console/resources/Model/tumor-triage",
    "audit": "/console/audit",
    "spend": "/console/spend",
    "spend-by-day": "/console/spend?by=day&range=30d",
}
CHAIN = {
    "models": "/console/models",
    "registered": "/console/models/triage",
    "version": "/console/models/triage/2",
    "verification": "/console/models/triage/2/proof",
    "changes": "/console/models/triage/diff?from=1&to=2",
    "datasets": "/console/datasets",
    "dataset": "/console/datasets/tumors",
    "data-version": "/console/datasets/tumors/2",
    "data-diff": "/console/datasets/tumors/diff?from=1&to=2",
    "runs": "/console/runs?data=tumors",
    "run": "/console/runs/{0}",
    "side-by-side": "/console/runs/compare?run={0}&run={1}&changes=yes",
}
DRAWN = ("version", "changes", "data-diff", "side-by-side")
"""Pages with pictures of their own, whose colours are others in the dark."""
EMPTY = (
    *("", "/calls", "/endpoints", "/models", "/datasets", "/runs", "/runs/compare"),
    *("/rollouts", "/evaluations", "/judges", "/spend", "/resources", "/audit"),
)


LATER = replace(call_row(0), call_id=call_id(-1), at_us=NOW + 9_000_000)


def violations(page):
    found = Axe().run(page).response["violations"]
    return [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found]


def field(page, name):
    return page.locator(f".filter [name={name}]")


def row(page, index):
    return page.locator(f'[id="call-{call_id(index)}"]')


def link(page, index):
    return page.locator(f'[id="link-{call_id(index)}"]')


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_in_both_themes_and_fits(tab, server, name):
    open_page(tab, server.url + PAGES[name])
    light = violations(tab)
    tab.emulate_media(color_scheme="dark")
    dark = violations(tab)
    tab.set_viewport_size({"width": 400, "height": 800})
    width = tab.evaluate("document.documentElement.scrollWidth")

    assert light == dark == []
    assert width <= 400


def test_the_pages_of_the_chain_are_accessible_and_fit(tab, server, chain):
    found, widths = {}, {}
    for name, path in CHAIN.items():
        tab.emulate_media(color_scheme="light")
        open_page(tab, server.url + path.format(*chain.runs_made))
        found[name] = violations(tab)
        if name in DRAWN:
            tab.emulate_media(color_scheme="dark")
            found[name] += violations(tab)
            tab.set_viewport_size({"width": 400, "height": 800})
            widths[name] = tab.evaluate("document.documentElement.scrollWidth")
            tab.set_viewport_size({"width": 1280, "height": 900})

    assert {name: each for name, each in found.items() if each} == {}
    assert max(widths.values()) <= 400


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_doors_are_accessible(chromium, server, theme):
    context = chromium.new_context(color_scheme=theme)
    page = context.new_page()
    trouble = Trouble(server.url, allowed={"401", "404"})
    trouble.watch(page)
    page.goto(server.url + "/console/audit")
    found = violations(page)
    page.get_by_label("Service account key").fill("rbk_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This key is not known.")
    found += violations(page)
    sign_in(page, server.url + "/console/nowhere")
    found += violations(page)

    assert found == []
    assert trouble.collect(page) == []
    context.close()


def test_empty_pages_are_accessible(chromium, empty_server):
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    sign_in(page, f"{empty_server.url}/console")
    found = []
    for path in EMPTY:
        open_page(page, f"{empty_server.url}/console{path}")
        found += violations(page)

    assert found == []
    context.close()


def test_sign_in_leads_to_the_page_that_was_asked(chromium, server):
    page = chromium.new_context().new_page()
    sign_in(page, server.url + "/console/calls?status=error")

    assert page.url == server.url + "/console/calls?status=error"
    page.context.close()


def test_sign_out_is_two_clicks_and_final(tab, server):
    open_page(tab, server.url + "/console")
    tab.locator(".account summary").click()
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_label("Service account key")).to_be_visible()
    tab.trouble.allowed.add("401")
    again = tab.goto(server.url + "/console")

    assert again.status == 401


def test_a_guest_is_not_offered_what_is_withheld(chromium, server):
    page = chromium.new_context().new_page()
    sign_in(page, server.url + "/console", VIEWER_KEY)
    offered = page.get_by_role("navigation", name="Console").inner_text().split()

    assert offered == [
        *("Overview", "Calls", "Endpoints", "Rollouts", "Models", "Datasets"),
        *("Runs", "Review", "Evaluations", "Spend"),
    ]
    page.context.close()


def test_a_filter_is_in_the_address_and_back_undoes_it(tab, server):
    open_page(tab, server.url + "/console/calls")
    field(tab, "status").select_option("error")
    expect(tab.locator(".chip")).to_contain_text("status: error")
    filtered = tab.url
    tab.go_back()
    expect(tab.locator(".chip")).to_have_count(0)

    assert filtered == server.url + "/console/calls?status=error"
    assert tab.url == server.url + "/console/calls"
    expect(field(tab, "status")).to_have_value("")


def test_filters_add_up_and_an_address_restores_them(tab, server):
    open_page(tab, server.url + "/console/calls?status=error")
    field(tab, "endpoint").select_option("tumor-triage")
    expect(tab.locator(".chip")).to_have_count(2)
    address = tab.url
    open_page(tab, address)

    expect(field(tab, "endpoint")).to_have_value("tumor-triage")
    expect(field(tab, "status")).to_have_value("error")
    assert tab.locator("[data-row]").count() > 0


def test_a_custom_range_replaces_a_moving_one_and_back(tab, server):
    open_page(tab, server.url + "/console/calls")
    field(tab, "range").select_option("custom")
    field(tab, "since").fill("2026-11-20T09:00")
    field(tab, "since").blur()
    expect(tab.locator(".chip")).to_contain_text("since")
    custom = tab.url
    field(tab, "range").select_option("1h")
    expect(tab.locator(".chip")).to_have_count(0)

    assert custom.endswith("?range=custom&since=2026-11-20T09:00")
    assert tab.url.endswith("/console/calls?range=1h")


def test_a_row_opens_the_panel_with_its_own_address(tab, server):
    open_page(tab, server.url + "/console/calls?range=1h")
    row(tab, 2).click()
    panel = tab.get_by_role("complementary")
    expect(panel).to_contain_text(call_id(2))
    opened = tab.url
    tab.go_back()

    assert opened == f"{server.url}/console/calls?range=1h&peek={call_id(2)}"
    expect(tab.get_by_role("complementary")).to_have_count(0)
    tab.go_forward()
    expect(tab.get_by_role("complementary")).to_contain_text(call_id(2))


def test_the_keyboard_walks_the_list_and_the_panel_follows(tab, server):
    open_page(tab, server.url + "/console/calls")
    for key in ("j", "j", "j"):
        tab.keyboard.press(key)
    expect(link(tab, 2)).to_be_focused()
    tab.keyboard.press("Enter")
    panel = tab.get_by_role("complementary")
    expect(panel).to_contain_text(call_id(2))
    settled(tab)
    expect(link(tab, 2)).to_be_focused()
    tab.keyboard.press("j")
    expect(panel).to_contain_text(call_id(3))
    settled(tab)
    tab.keyboard.press("k")
    expect(panel).to_contain_text(call_id(2))
    assert tab.url.endswith(f"peek={call_id(2)}")
    settled(tab)
    tab.keyboard.press("Escape")

    expect(panel).to_have_count(0)
    expect(link(tab, 2)).to_be_focused()


def test_back_leaves_a_walk_at_once(tab, server):
    open_page(tab, server.url + "/console/calls")
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    for index in (1, 2, 3):
        settled(tab)
        tab.keyboard.press("j")
        expect(tab.get_by_role("complementary")).to_contain_text(call_id(index))
    tab.go_back()

    expect(tab.get_by_role("complementary")).to_have_count(0)
    assert tab.url == server.url + "/console/calls"


def test_o_opens_the_call_itself(tab, server):
    open_page(tab, server.url + "/console/calls")
    tab.keyboard.press("j")
    tab.keyboard.press("o")

    expect(tab.get_by_role("heading", name="Why this answer")).to_be_visible()
    assert tab.url == f"{server.url}/console/calls/{call_id(0)}"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("c", "/console/calls"),
        ("e", "/console/endpoints"),
        ("m", "/console/models"),
        ("r", "/console/resources"),
        ("a", "/console/audit"),
        ("o", "/console"),
    ],
)
def test_g_and_a_letter_go_to_a_page(tab, server, key, path):
    open_page(tab, server.url + "/console/endpoints/handbook")
    go(tab, key, server.url + path)

    assert tab.locator("nav [aria-current]").get_attribute("href") == path


def test_slash_filters_and_escape_leaves_the_field(tab, server):
    open_page(tab, server.url + "/console/audit")
    tab.keyboard.press("/")
    expect(field(tab, "actor")).to_be_focused()
    tab.keyboard.type("jk?")
    tab.keyboard.press("Escape")

    expect(field(tab, "actor")).not_to_be_focused()
    assert field(tab, "actor").input_value() == "jk?"


def test_question_mark_shows_the_keys(tab, server):
    open_page(tab, server.url + "/console")
    tab.keyboard.press("?")
    dialog = tab.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    assert violations(tab) == []
    tab.keyboard.press("Escape")

    expect(dialog).to_be_hidden()


def test_everything_is_reached_with_the_tab_key(tab, server):
    open_page(tab, server.url + "/console/endpoints")
    reached = []
    for _ in range(30):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.textContent.trim()"))

    assert reached[0] == "Skip to content"
    assert {"Calls", "operator", "Theme: auto", "tumor-triage"} <= set(reached)


def test_new_calls_appear_without_losing_scroll_or_focus(tab, server, data):
    tab.clock.install()
    open_page(tab, server.url + "/console/calls")
    link(tab, 20).focus()
    tab.evaluate("scrollTo(0, 500)")
    before = tab.evaluate("scrollY")
    data.calls_seen.insert(0, LATER)
    try:
        tab.clock.fast_forward(4_500)
        expect(tab.locator("[data-row]").first).to_contain_text("10:00:09")
    finally:
        data.calls_seen[:] = CALLS

    expect(link(tab, 20)).to_be_focused()
    assert abs(tab.evaluate("scrollY") - before) <= 60


def test_the_refresh_can_be_paused(tab, server, data):
    tab.clock.install()
    open_page(tab, server.url + "/console/calls")
    tab.keyboard.press("p")
    expect(tab.get_by_role("button", name="Paused")).to_be_visible()
    settled(tab)
    before = len(data.asked)
    tab.clock.fast_forward(9_000)
    settled(tab)
    asked = len(data.asked) - before
    tab.get_by_role("button", name="Paused").click()

    assert asked == 0
    expect(tab.get_by_role("button", name="Live")).to_be_visible()


def test_the_refresh_keeps_the_filter_and_the_panel(tab, server, data):
    address = f"/console/calls?endpoint=tumor-triage&peek={call_id(2)}"
    tab.clock.install()
    open_page(tab, server.url + address)
    before = len(data.asked)
    with tab.expect_response(lambda response: "/console/calls" in response.url):
        tab.clock.fast_forward(4_500)
    settled(tab)
    polls = [asked for asked in data.asked[before:] if asked[0] == "calls"]

    assert polls
    assert {asked[1].endpoint for asked in polls} == {"tumor-triage"}
    expect(tab.get_by_role("complementary")).to_contain_text(call_id(2))
    expect(row(tab, 2)).to_have_class("chosen")


def test_bodies_are_shown_when_asked_for(tab, server):
    open_page(tab, f"{server.url}/console/calls/{call_id(0)}")
    tab.get_by_role("link", name="Show request and response").click()

    expect(tab.get_by_role("region", name="Response", exact=True)).to_contain_text(
        "malignant"
    )
    assert violations(tab) == []


def test_the_proof_is_checked_when_the_page_is_open(tab, server):
    open_page(tab, f"{server.url}/console/calls/{call_id(0)}")

    expect(tab.locator("#proof")).to_contain_text("The record is in segment")
    assert tab.url == f"{server.url}/console/calls/{call_id(0)}"


def test_a_version_is_verified_when_asked_for(tab, server):
    open_page(tab, f"{server.url}/console/models/triage/1")
    tab.get_by_role("link", name="Verify it now").click()

    expect(tab.locator("#verified")).to_contain_text("Dataset version")
    assert violations(tab) == []


def test_the_picture_leads_to_what_it_shows_by_keyboard(tab, server):
    open_page(tab, f"{server.url}/console/models/triage/2")
    node = tab.locator(".picture a", has_text="tumors@2").first
    node.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url(server.url + "/console/datasets/tumors/2")

    assert tab.locator("h1").inner_text() == "tumors@2"


def test_runs_are_ticked_and_compared(tab, server, chain):
    open_page(tab, server.url + "/console/runs?status=finished")
    for run in chain.runs_made:
        tab.locator(f"[name=run][value='{run}']").check()
    tab.get_by_role("button", name="Compare those that are ticked").click()

    expect(tab.get_by_role("heading", name="Side by side")).to_be_visible()
    assert all(f"run={run}" in tab.url for run in chain.runs_made)


def test_an_id_is_copied_whole(tab, server):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(tab, f"{server.url}/console/calls/{call_id(0)}")
    tab.get_by_role("button", name="Copy call id").click()
    expect(tab.locator("#said")).to_have_text("Copied")

    assert tab.evaluate("navigator.clipboard.readText()") == call_id(0)


def test_the_theme_is_remembered_without_a_flash(tab, server):
    open_page(tab, server.url + "/console")
    button = tab.locator("[data-theme-toggle]")
    button.click()
    button.click()
    expect(button).to_have_text("Theme: dark")
    tab.goto(server.url + "/console/calls", wait_until="commit")
    first = tab.locator("html").get_attribute("data-theme")
    expect(button).to_have_text("Theme: dark")
    button.click()

    assert first == "dark"
    expect(button).to_have_text("Theme: auto")


def test_times_are_shown_in_the_readers_zone_or_in_utc(chromium, server):
    context = chromium.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.clock.install()
    sign_in(page, server.url + "/console/calls")
    first = page.locator("[data-row] time").first
    expect(first).to_have_text("2026-11-20 19:00:00")
    page.get_by_role("button", name="Times: local").click()
    expect(first).to_have_text("2026-11-20 10:00:00")
    with page.expect_response(lambda response: "/console/calls" in response.url):
        page.clock.fast_forward(4_500)
    settled(page)

    assert first.inner_text() == "2026-11-20 10:00:00"
    context.close()


def test_without_scripts_the_console_still_works(chromium, server):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url + "/console/calls")
    page.get_by_label("Service account key").fill("rbk_0123456789ab_another-key")
    page.get_by_role("button", name="Sign in").click()
    field(page, "status").select_option("error")
    page.get_by_role("button", name="Apply").click()
    filtered = page.url
    page.locator(".row-link").first.click()

    assert filtered.endswith("/console/calls?status=error")
    expect(page.get_by_role("complementary")).to_contain_text("Why this answer")
    context.close()


def test_a_link_on_another_site_finds_the_session(chromium, server):
    context = chromium.new_context()
    page = context.new_page()
    sign_in(page, server.url + "/console")
    body = f'<a href="{server.url}/console/audit">here</a>'
    page.route(
        "http://elsewhere.test/",
        lambda route: route.fulfill(body=body, content_type="text/html"),
    )
    page.goto("http://elsewhere.test/")
    page.get_by_text("here").click()

    expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    assert page.url == server.url + "/console/audit"
    context.close()


def test_a_server_that_goes_away_is_noticed(tab, server):
    tab.clock.install()
    open_page(tab, server.url + "/console/calls")
    tab.route(re.compile("/console/calls"), lambda route: route.abort())
    tab.clock.fast_forward(4_500)
    expect(tab.locator("#notice")).to_contain_text("does not answer")
    count = tab.locator("[data-row]").count()
    tab.unroute(re.compile("/console/calls"))
    tab.clock.fast_forward(4_500)
    expect(tab.locator("#notice")).to_be_empty()
    tab.trouble.seen.clear()
    tab.evaluate("window.roadbedSeen.length = 0")

    assert count == 50
