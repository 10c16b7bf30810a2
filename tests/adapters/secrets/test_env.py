"""Secrets from a mapping of variables."""

import pytest

from roadbed.adapters.secrets.env import EnvSecrets
from roadbed.core.errors import NotFound
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
