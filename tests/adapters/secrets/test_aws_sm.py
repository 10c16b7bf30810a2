"""Secrets in AWS Secrets Manager, as moto's server plays it."""

import os

import boto3
import pytest
from moto.server import ThreadedMotoServer

from roadbed.adapters.secrets import aws_sm
from roadbed.core.errors import Invalid, NotFound, Unavailable
from roadbed.settings import Settings
from roadbed.testing.secrets_contract import PATH, VALUE, SecretsContract

REGION = "eu-central-1"


@pytest.fixture(scope="module")
def server():
    """The emulator, and credentials that it does not look at."""
    before = dict(os.environ)
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()
    os.environ.clear()
    os.environ |= before


@pytest.fixture(scope="module")
def manager(server):
    client = boto3.client("secretsmanager", region_name=REGION, endpoint_url=server)
    client.create_secret(Name=PATH, SecretString=VALUE)
    client.create_secret(Name="json", SecretString='{"key": "inside", "n": 1}')
    client.create_secret(Name="bytes", SecretBinary=b"abc")
    return client


@pytest.fixture
def opened(server, manager, tmp_path):
    settings = Settings(state=tmp_path, aws_region=REGION, aws_endpoint=server)
    return aws_sm.source(settings)


class TestAwsSecrets(SecretsContract):
    @pytest.fixture
    def source(self, opened):
        return opened


def test_a_key_of_a_json_secret_is_chosen_after_the_hash(opened):
    assert opened.fetch("json#key").reveal() == "inside"


@pytest.mark.parametrize("path", ["json#none", "json#n", f"{PATH}#key"])
def test_a_key_that_is_not_there_is_not_found(opened, path):
    with pytest.raises(NotFound):
        opened.fetch(path)


def test_bytes_are_no_secret(opened):
    with pytest.raises(Invalid, match="bytes"):
        opened.fetch("bytes")


def test_the_value_before_a_rotation_is_still_known(opened, manager):
    manager.create_secret(Name="turns", SecretString="one")
    never = opened.previous("turns")
    manager.put_secret_value(SecretId="turns", SecretString="two")

    assert never is None
    assert opened.fetch("turns").reveal() == "two"
    assert opened.previous("turns").reveal() == "one"


def test_a_service_that_is_away_is_unavailable(manager, tmp_path):
    away = Settings(
        state=tmp_path, aws_region=REGION, aws_endpoint="http://127.0.0.1:9"
    )

    with pytest.raises(Unavailable, match="cannot be asked"):
        aws_sm.source(away).fetch(PATH)
