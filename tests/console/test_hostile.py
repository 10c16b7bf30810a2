"""Names, labels and payloads that attack are shown, and do nothing."""

from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from tests.console.browse import Trouble, open_page
from tests.console.hostile import ATTACK, HostileData
from tests.console.served import Server, Visitor, application

Q = quote(ATTACK, safe="")
PAGES = (
    "/golden",
    "/golden/any",
    "/endpoints/any/quality",
    "",
    "/calls",
    f"/calls?endpoint={Q[:200]}&model={quote(ATTACK[:60])}",
    f"/calls?peek={quote(ATTACK[:80])}",
    f"/calls/{Q}",
    "/calls/x/payload",
    "/calls/x/proof",
    "/endpoints",
    "/endpoints/x",
    "/models",
    "/models/triage",
    "/models/triage/2",
    "/models/triage/2/proof",
    "/models/triage/diff?from=1&to=2",
    "/datasets",
    "/datasets/tumors",
    "/datasets/tumors/2",
    "/datasets/tumors/diff?from=1&to=2",
    "/runs",
    f"/runs?where={quote(ATTACK[:80])}",
    "/runs/compare",
    "/runs/{0}",
    "/runs/compare?run={0}&run={1}&changes=yes",
    "/spend",
    "/spend?by=label:x",
    f"/spend?by={quote(ATTACK[:80])}",
    "/resources",
    f"/resources/{quote(ATTACK[:40], safe='')}/x",
    f"/audit?actor={quote(ATTACK[:80])}",
    f"/{Q}",
    f"/calls?status={quote(ATTACK[:80])}",
)
TAGS = {"img", "iframe", "object", "embed", "base", "style", "textarea"}


class Reader(HTMLParser):
    """Collects what must not be in a page."""

    def __init__(self):
        super().__init__()
        self.bad = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        ours = (tag, given.get("id")) == ("textarea", "expected")
        if (tag in TAGS and not ours) or (tag == "script" and "src" not in given):
            self.bad.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style" or name.startswith("hx-on"):
                self.bad.append(f"{tag} {name}")
            if (name, value) == ("hx-target", "body"):
                self.bad.append(f"{tag} smuggled")
            leads = (value or "").strip().lower()
            if name in ("href", "src", "action", "hx-get") and not leads.startswith(
                ("/console", "#")
            ):
                self.bad.append(f"{tag} {name}={value}")


@pytest.fixture(scope="module")
def hostile_server(chain):
    with Server(application(HostileData(chain.custody()))) as running:
        yield running


@pytest.mark.parametrize("path", PAGES)
def test_an_attack_in_every_text_stays_text(hostile_server, chain, path):
    visitor = Visitor(hostile_server)
    visitor.sign_in()
    reader = Reader()
    reply = visitor.get(f"/console{named(path, chain)}")
    reader.feed(reply.text)

    assert reader.bad == []
    assert reply.status < 500


def named(path, chain):
    for at, run in enumerate(chain.runs_made):
        path = path.replace(f"{{{at}}}", run)
    return path


def test_an_attack_in_the_way_back_stays_text(hostile_server):
    visitor = Visitor(hostile_server)
    reader = Reader()
    reader.feed(visitor.get(f"/console/calls?x={Q}").text)
    reader.feed(visitor.get(f"/console/sign-in?next={Q}").text)

    assert reader.bad == []


@pytest.mark.browser
def test_no_attack_runs_in_a_browser(chromium, hostile_server, chain):
    visitor = Visitor(hostile_server)
    visitor.sign_in()
    context = chromium.new_context()
    cookies = [{"name": n, "value": v} for n, v in visitor.cookies.items()]
    context.add_cookies([{**each, "url": hostile_server.url} for each in cookies])
    page = context.new_page()
    trouble = Trouble(hostile_server.url, allowed={"400", "404"})
    trouble.watch(page)
    hacked = []
    for path in PAGES:
        open_page(page, f"{hostile_server.url}/console{named(path, chain)}")
        hacked += page.evaluate("[window.hacked, document.images.length]")

    assert hacked == [None, 0] * len(PAGES)
    assert trouble.collect(page) == []
    context.close()


@pytest.mark.browser
def test_htmx_ignores_markup_that_the_server_did_not_write(chromium, hostile_server):
    visitor = Visitor(hostile_server)
    visitor.sign_in()
    context = chromium.new_context()
    cookies = [{"name": n, "value": v} for n, v in visitor.cookies.items()]
    context.add_cookies([{**each, "url": hostile_server.url} for each in cookies])
    page = context.new_page()
    open_page(page, f"{hostile_server.url}/console/endpoints")
    page.evaluate(
        """() => {
          const smuggled = document.createElement("b");
          smuggled.setAttribute("hx-get", "/console/audit");
          smuggled.setAttribute("hx-trigger", "load");
          document.querySelector("main").append(smuggled);
          htmx.process(smuggled);
        }"""
    )

    assert page.locator("b[hx-get]").count() == 0
    context.close()
