"""The reference holds what it promises: nothing that exists is left out of it."""

import pytest
from click.testing import CliRunner

from roadbed.access.actions import ACTIONS
from roadbed.access.matrix import table
from roadbed.access.roles import ROLES
from roadbed.adapters import providers
from roadbed.cli import roadbed
from roadbed.cli._acts import leaves
from roadbed.cli._manual import pages
from roadbed.control.kinds import all_kinds
from roadbed.core import plugins
from roadbed.evals import graders
from roadbed.evals.grading import GRADERS
from roadbed.server.hot import HOT_ROUTES
from roadbed.server.metrics import Metrics
from roadbed.server.table import all_routes, api_routes
from roadbed.settings import PREFIX, Settings
from roadbed.workbench import Bed, DatasetHandle, LiveRun

GROUP = "roadbed.providers"


def test_every_page_is_written(tmp_path):
    done = CliRunner().invoke(roadbed, ["reference", str(tmp_path)])

    assert done.exit_code == 0, done.output
    assert {file.name for file in tmp_path.iterdir()} == set(pages())
    for file in tmp_path.iterdir():
        assert file.read_text().startswith("# ")
        assert file.read_text().endswith("\n")


def test_resources_have_every_kind():
    text = pages()["resources.md"]()

    assert all(f"## {kind}\n" in text for kind in all_kinds())


def test_access_has_every_role_action_and_the_matrix():
    text = pages()["access.md"]()

    assert all(f"| `{role}` | {said} |" in text for role, said in ROLES.items())
    assert all(action.sentence in text for action in ACTIONS.values())
    assert table() in text


@pytest.mark.parametrize("name", plugins.names(providers, GROUP))
def test_providers_have_every_field_of_every_type(name):
    text = pages()["providers.md"]()
    section = text.split(f"## {name}\n")[1].split("\n## ")[0]
    fields = plugins.find(providers, GROUP, name).Config.model_fields

    assert all(f"| `{field}` |" in section for field in fields)
    assert all(field.description in section for field in fields.values())


@pytest.mark.parametrize("name", plugins.names(graders, GRADERS))
def test_graders_have_every_field_of_every_grader(name):
    text = pages()["graders.md"]()
    section = text.split(f"## {name}\n")[1].split("\n## ")[0]
    fields = plugins.find(graders, GRADERS, name).Config.model_fields

    assert all(f"| `{f.alias or field}` |" in section for field, f in fields.items())
    assert all(field.description in section for field in fields.values())


def test_settings_have_their_defaults():
    text = pages()["settings.md"]()

    assert all(
        f"| `{PREFIX}{name.upper()}` |" in text for name in Settings.model_fields
    )
    assert "| `ROADBED_PORT` | `8321` |" in text
    assert "| `ROADBED_HOST` | `127.0.0.1` |" in text
    assert "PydanticUndefined" not in text


def test_commands_have_every_command():
    text = pages()["commands.md"]()

    assert all(f"## roadbed {words}\n" in text for words, _ in leaves(roadbed))


def test_the_api_has_every_route_with_its_action():
    text = pages()["api.md"]()
    routes = api_routes(Metrics())

    for line in all_routes(routes):
        assert f"| {line.method} | `{line.path}` | `{line.action}` |" in text
    assert all(route.summary in text for route in (*HOT_ROUTES, *routes))


@pytest.mark.parametrize("kind", [Bed, DatasetHandle, LiveRun])
def test_python_has_everything_that_is_public(kind):
    text = pages()["python.md"]()
    public = [name for name in vars(kind) if not name.startswith("_")]
    callables = [n for n in public if n not in getattr(kind, "__slots__", ())]

    for name in callables:
        assert f"### {kind.__name__}.{name}" in text
    assert "self" not in text
