"""A real Chromium that reports everything that should not happen."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import TimeoutError as TooLong

from tests.console.served import KEY

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = """
window.roadbedSeen = [];
const note = (text) => window.roadbedSeen.push(text);
document.addEventListener("securitypolicyviolation", (event) =>
  note(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
for (const name of ["error", "response:error", "security:strip", "security:violation"])
  document.addEventListener(`htmx:${name}`, (event) =>
    note(`htmx:${name} ${event.detail?.error ?? event.detail?.reason ?? ""}`));
window.addEventListener("error", (event) => note(`script: ${event.message}`));
window.addEventListener("unhandledrejection", (event) =>
  note(`promise: ${event.reason}`));
"""


@dataclass
class Trouble:
    """What went wrong, and what was expected to."""

    origin: str
    seen: list = field(default_factory=list)
    allowed: set = field(default_factory=set)

    def watch(self, page):
        page.add_init_script(WATCH)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"page: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def collect(self, page):
        """Return everything that went wrong on *page* up to now."""
        return self.seen + page.evaluate("window.roadbedSeen ?? []")

    def _console(self, message):
        status = "the server responded with a status of "
        if status in message.text:
            code = message.text.partition(status)[2][:3]
            if code in self.allowed:
                return
        if message.type in ("error", "warning"):
            self.seen.append(f"console: {message.text}")

    def _request(self, request):
        parts = urlsplit(request.url)
        here = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("data", "blob") and here != self.origin:
            self.seen.append(f"off-origin: {request.url}")

    def _failed(self, request):
        if "ERR_ABORTED" not in (request.failure or ""):
            self.seen.append(f"failed: {request.url} {request.failure}")


def sign_in(page, url, key=KEY):
    """Sign in on the page that 401 shows, and wait for the page that was asked."""
    page.goto(url)
    page.get_by_label("Service account key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.locator("html[data-ready]").wait_for()
    page.get_by_role("navigation", name="Console").wait_for()


def open_page(page, url):
    """Go to *url* and wait until its script has started."""
    page.goto(url)
    page.locator("html[data-ready]").wait_for()


def settled(page):
    """Wait until htmx has nothing under way."""
    page.wait_for_timeout(60)
    page.locator(".htmx-request, .htmx-swapping").first.wait_for(state="detached")


def go(page, letter, url):
    """Press `g` and *letter*, again if the machine took too long between the two."""
    for _ in range(5):
        page.keyboard.press("g")
        page.keyboard.press(letter)

        with suppress(TooLong):
            return page.wait_for_url(url, timeout=5_000)
    raise AssertionError(f"g {letter} does not lead to {url}")
