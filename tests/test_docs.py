"""Documentation that cannot lie: names, links and commands are those that exist."""

import re
from pathlib import Path

import pytest

from roadbed.cli import roadbed
from roadbed.cli._acts import leaves
from roadbed.settings import PREFIX, Settings

PAGES = sorted(
    [
        Path("README.md"),
        Path("CHANGELOG.md"),
        *Path("docs").rglob("*.md"),
        *Path("src/roadbed/starter").rglob("*.md"),
    ]
)
SOURCES = [*PAGES, *Path("src/roadbed").rglob("*.py"), *Path("demo").rglob("*.py")]
COMMANDS = {words for words, _ in leaves(roadbed)}
WORDS = COMMANDS | {words.split()[0] for words in COMMANDS}


@pytest.mark.parametrize("page", SOURCES, ids=str)
def test_every_command_that_is_named_exists(page):
    """`roadbed x` in back-ticks is a command."""
    named = re.findall(r"`(?:…; )?roadbed ((?:[a-z][a-z-]* ?){1,2})", page.read_text())

    for words in (text.strip() for text in named):
        assert words in WORDS or words.split()[0] in WORDS, f"{page}: roadbed {words}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    for link in links:
        assert (page.parent / link).exists(), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_setting_that_is_named_exists(page):
    named = re.findall(rf"\b{PREFIX}([A-Z_]+)\b", page.read_text())

    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_readme_fits_on_one_screen():
    assert len(Path("README.md").read_text().splitlines()) <= 72
