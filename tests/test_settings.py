"""Settings."""

import pytest

from roadbed.core.errors import Invalid
from roadbed.settings import Settings, load


def test_every_setting_has_a_description():
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_variables_are_read_by_their_prefix(tmp_path):
    settings = load({"ROADBED_REGION": "eu", "OTHER": "x"}, tmp_path)

    assert settings.region == "eu"
    assert settings.state == tmp_path / ".roadbed"
    assert settings.database_url == f"sqlite:///{tmp_path}/.roadbed/control.db"


def test_the_state_directory_is_found_from_below(tmp_path):
    (tmp_path / ".roadbed").mkdir()
    below = tmp_path / "notebooks" / "deep"
    below.mkdir(parents=True)

    assert load({}, below).state == tmp_path / ".roadbed"


@pytest.mark.parametrize(
    ("name", "value"),
    [("ROADBED_PORT", "http"), ("ROADBED_REGION", "EU 1"), ("ROADBED_PROT", "1")],
)
def test_a_wrong_setting_is_named(name, value, tmp_path):
    with pytest.raises(Invalid) as refusal:
        load({name: value}, tmp_path)

    assert refusal.value.problems[0].field == name


def test_the_key_is_in_no_representation(tmp_path):
    settings = load({"ROADBED_KEY": "rbk_canary"}, tmp_path)

    assert "canary" not in repr(settings)
