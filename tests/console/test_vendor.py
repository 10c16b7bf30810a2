"""What the browser gets from us, compared with what we say it is."""

import hashlib
import re
from pathlib import Path

import pytest

CONSOLE = Path("src/roadbed/console")
VENDOR = CONSOLE / "static/vendor"
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))
ROW = re.compile(r"^\| `(.+?)` \|.*\| `([0-9a-f]{64})` \|$", re.M)


def test_vendored_files_are_those_that_were_reviewed():
    listed = dict(ROW.findall((VENDOR / "README.md").read_text()))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "README.md"
    }

    assert found == listed


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_inline_script_style_or_handler(path):
    text = path.read_text()
    scripts = re.findall(r"<script(?![^>]*\ssrc=)", text)
    handlers = re.findall(r"\s(?:on[a-z]+|hx-on[:a-z-]*|hx-vars|hx-live)\s*=", text)
    filters = re.findall(r'hx-trigger="[^"]*\[', text)

    assert not scripts + handlers + filters
    assert not re.search(r"<style|\sstyle=|javascript:|\bjs:", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_in_a_template_escapes_escaping(path):
    assert not re.search(r"\|\s*safe|autoescape|Markup", path.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_htmx_element_carries_the_nonce(path):
    tags = re.findall(r"<[a-z]+\b[^>]*\shx-(?:get|post)=.*?>", path.read_text())

    assert all("hx-nonce=" in tag for tag in tags)


def test_our_script_makes_no_markup_and_evaluates_nothing():
    text = (CONSOLE / "static/console.js").read_text()

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", text
    )


def test_no_python_of_the_console_marks_text_as_safe():
    texts = [path.read_text() for path in CONSOLE.glob("*.py")]

    assert not [t for t in texts if "Markup" in t or "HTMLResponse(f" in t]


def test_our_files_name_no_other_host():
    files = [*CONSOLE.glob("static/*.*"), *TEMPLATES]
    hosts = {
        host
        for path in files
        for host in re.findall(r"https?://([\w.-]+)", path.read_text())
    }

    assert hosts <= {"www.w3.org"}
