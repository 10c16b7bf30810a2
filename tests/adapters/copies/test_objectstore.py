"""A bucket keeps what every place for copies keeps."""

import boto3
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from roadbed.adapters.copies.objectstore import ObjectStoreCopies, open_store
from roadbed.core.errors import Invalid, NotReady
from roadbed.testing.copies_contract import ReadableCopiesContract, a_note


class TestObjectStoreInMemory(ReadableCopiesContract):
    @pytest.fixture
    def place(self):
        return ObjectStoreCopies(open_store("memory:///"))

    def test_an_address_of_no_bucket_is_refused(self):
        with pytest.raises(Invalid, match="is no bucket"):
            open_store("nowhere:at all")


@pytest.fixture(scope="module")
def s3():
    """Return the address of moto's server, an emulator of S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def bucket(address, name):
    given = {"access_key_id": "test", "secret_access_key": "test"}
    options = {"allow_http": True}
    return S3Store(
        name, endpoint=address, region="us-east-1", client_options=options, **given
    )


class TestObjectStoreOverS3(ReadableCopiesContract):
    """Against moto's server, an emulator of S3."""

    @pytest.fixture
    def place(self, s3, tmp_path):
        client = boto3.client(
            "s3",
            endpoint_url=s3,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        name = f"bucket-{tmp_path.name.replace('_', '-')}".lower()
        client.create_bucket(Bucket=name)
        return ObjectStoreCopies(bucket(s3, name))

    def test_a_bucket_that_is_not_there_says_so(self, s3):
        with pytest.raises(NotReady, match="cannot be used"):
            ObjectStoreCopies(bucket(s3, "nowhere")).put(1, a_note(1))
