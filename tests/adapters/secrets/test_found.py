"""Sources are found by name and imported when they are used, and not before."""

import json
import subprocess
import sys

import pytest

from roadbed.app import open_secrets
from roadbed.core.errors import NotFound
from roadbed.settings import Settings

FOREIGN = """
from roadbed.core.secret import Secret

class Drawer:
    lifetime_s = 1.0

    def fetch(self, path):
        return Secret(f"from the drawer: {path}")

    def previous(self, path):
        return None

def source(settings):
    return Drawer()
"""


@pytest.fixture
def drawer(tmp_path):
    """A package of somebody else, installed for the length of a test."""
    (tmp_path / "drawer_source.py").write_text(FOREIGN)
    facts = tmp_path / "drawer-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: drawer\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[roadbed.secrets]\ndrawer=drawer_source\n")
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    sys.modules.pop("drawer_source", None)


def test_a_scheme_of_somebody_else_is_found_by_its_entry_point(drawer):
    found = open_secrets(Settings(state=drawer)).resolve("secret://drawer/a/b")

    assert found.reveal() == "from the drawer: a/b"


def test_our_schemes_are_the_names_of_our_files(tmp_path):
    with pytest.raises(NotFound) as raised:
        open_secrets(Settings(state=tmp_path)).resolve("secret://nowhere/x")

    assert raised.value.hint == "schemes here: age, aws-sm, env, file, vault"


def test_no_library_of_a_source_is_imported_before_its_first_secret(tmp_path):
    code = (
        "import json, pathlib, sys\n"
        "from roadbed.app import open_secrets\n"
        "from roadbed.settings import Settings\n"
        f"found = open_secrets(Settings(state=pathlib.Path({str(tmp_path)!r})))\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}

    assert not loaded & {"boto3", "botocore", "hvac", "requests", "pyrage"}
