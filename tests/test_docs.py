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
HOUSE = Path("src/roadbed")
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


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_of_the_house_that_is_named_exists(page):
    """`room/file.py`, `room/package/` and `file.py` in back-ticks are in the house."""
    rooms = "|".join(path.parent.name for path in HOUSE.glob("*/__init__.py"))
    named = re.findall(rf"`((?:{rooms})/[\w/]*(?:\.py)?)`", page.read_text())
    alone = re.findall(r"`(\w+\.py)`", page.read_text())

    assert [name for name in named if not (HOUSE / name).exists()] == []
    assert [name for name in alone if not list(HOUSE.rglob(name))] == []


def test_architecture_names_files_and_so_is_checked():
    text = Path("docs/architecture.md").read_text()

    assert len(re.findall(r"`\w+/[\w/]+\.py`", text)) > 5


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_nothing_is_installed_as_if_it_were_published(page):
    words = re.findall(r"pip install ['\"]?roadbed", page.read_text())

    assert words == []


def test_every_anchor_is_a_heading_of_its_page():
    for page in PAGES:
        links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text())
        for link, anchor in links:
            target = page.parent / link if link else page
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.M)
            assert anchor in {slug(title) for title in titles}, f"{page}: #{anchor}"


def slug(title):
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_the_readme_fits_on_one_screen():
    assert len(Path("README.md").read_text().splitlines()) <= 72
