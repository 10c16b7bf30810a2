"""The starter stack: it loads, it is sound, and writing it harms nothing."""

import re

import pytest

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.app import Installed
from roadbed.control.document import read_documents
from roadbed.control.load import load_stack
from roadbed.control.starter import starter_files, write_starter
from roadbed.control.state import State
from roadbed.control.validate import check
from roadbed.core.errors import Conflict


def test_the_starter_is_sound_with_what_is_installed(tmp_path):
    write_starter(tmp_path)
    catalog = Installed(blobs=LocalBlobs(tmp_path / ".roadbed"), secrets=None)

    stack = load_stack(tmp_path)

    assert check(stack, State(), catalog) == []
    assert [r.key for r in stack.resources] == [
        ("Dataset", "tumors"),
        ("Endpoint", "handbook"),
        ("Model", "handbook"),
        ("Model", "tumor-triage"),
        ("Policy", "payloads"),
        ("Provider", "library"),
        ("Provider", "local"),
        ("ServiceAccount", "demo-app"),
        ("ServiceAccount", "operator"),
    ]


def test_the_commented_out_resources_are_sound_too(tmp_path):
    write_starter(tmp_path)
    for name in ("providers", "models"):
        file = tmp_path / f"{name}.yaml"
        text = file.read_text()
        begin = text.index("# ---")
        file.write_text(text[:begin] + re.sub(r"(?m)^# ?", "", text[begin:]))
    catalog = Installed(blobs=LocalBlobs(tmp_path / ".roadbed"), secrets=None)

    stack = load_stack(tmp_path)

    assert ("Provider", "openai") in stack.by_key
    assert ("Model", "support-bot") in stack.by_key
    assert check(stack, State(), catalog) == []


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "models.yaml").write_text("mine")

    with pytest.raises(Conflict, match=r"already a models\.yaml"):
        write_starter(tmp_path)

    assert [p.name for p in tmp_path.iterdir()] == ["models.yaml"]


def test_git_never_sees_the_state(tmp_path):
    (tmp_path / ".gitignore").write_text("*.pyc\n")

    write_starter(tmp_path)

    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[0] == "*.pyc"
    assert ".roadbed/" in lines


def test_every_page_of_the_handbook_is_text_with_a_title():
    pages = {p: d for p, d in starter_files().items() if p.startswith("handbook/")}

    assert 4 <= len(pages) <= 6
    assert all(data.decode().startswith("# ") for data in pages.values())


@pytest.mark.parametrize(
    "path",
    [
        p
        for p in starter_files()
        if p.endswith(".yaml") and not p.startswith("policies/tests/")
    ],
    ids=str,
)
def test_every_file_names_the_schema_that_stands_beside_it(path, tmp_path):
    write_starter(tmp_path)
    first = (tmp_path / path).read_text().splitlines()[0]

    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert ((tmp_path / path).parent / schema).is_file()
    assert read_documents((tmp_path / path).read_text(), path)[1] == []
