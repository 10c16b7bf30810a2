"""Keys in AWS KMS, as moto's server has it."""

import pytest

from roadbed.adapters.signers.aws_kms import ALIAS, AwsKmsSigners
from roadbed.core.errors import Unavailable
from roadbed.testing.signers_contract import SignersContract, verifies


@pytest.fixture(scope="module")
def endpoint():
    """An emulated KMS on this machine."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint, monkeypatch):
    """Return the endpoint, in an environment as boto3 wants it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    return endpoint


class TestAwsKmsSigners(SignersContract):
    @pytest.fixture
    def signers(self, aws):
        return AwsKmsSigners(aws)


def test_another_replica_signs_with_the_same_key(aws):
    jwk = AwsKmsSigners(aws).create()
    other = AwsKmsSigners(aws)

    assert other.holds(jwk["kid"])
    assert verifies(jwk, other.sign(jwk["kid"], b"data"), b"data")


def test_a_forgotten_key_is_destroyed_in_time(aws):
    signers = AwsKmsSigners(aws)
    kid = signers.create()["kid"]
    key_id = signers._do("describe_key", KeyId=ALIAS + kid)["KeyMetadata"]["KeyId"]
    signers.forget(kid)
    told = signers._do("describe_key", KeyId=key_id)["KeyMetadata"]

    assert told["KeyState"] == "PendingDeletion"


def test_a_kms_that_is_away_is_said_to_be(aws):
    with pytest.raises(Unavailable, match="KMS cannot be used"):
        AwsKmsSigners("http://127.0.0.1:1").create()
