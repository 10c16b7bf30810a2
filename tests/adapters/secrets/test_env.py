"""Secrets from a mapping of variables."""

import pytest

from roadbed.adapters.secrets import env
from roadbed.adapters.secrets.env import EnvSecrets
from roadbed.core.errors import Invalid, NotFound
from roadbed.settings import Settings
from roadbed.testing.secrets_contract import PATH, VALUE, SecretsContract


class TestEnvSecrets(SecretsContract):
    @pytest.fixture
    def source(self):
        return EnvSecrets({PATH: VALUE})


def test_an_empty_variable_is_no_secret():
    with pytest.raises(NotFound, match="secret://env/EMPTY"):
        EnvSecrets({"EMPTY": ""}).fetch("EMPTY")


def test_only_the_environment_that_was_handed_in_is_read():
    with pytest.raises(NotFound):
        EnvSecrets({}).fetch("PATH")


@pytest.mark.parametrize("more", [{"profile": "production"}, {"host": "0.0.0.0"}])
def test_production_reads_no_secrets_from_its_environment(tmp_path, more):
    with pytest.raises(Invalid) as raised:
        env.source(Settings(state=tmp_path, **more))

    assert "secret://file" in raised.value.hint


@pytest.mark.parametrize("more", [{"host": "::1"}, {"profile": "development"}])
def test_development_reads_secrets_from_its_environment(tmp_path, more):
    assert env.source(Settings(state=tmp_path, **more)).fetch("PATH").reveal()
