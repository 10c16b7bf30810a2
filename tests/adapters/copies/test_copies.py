"""Every place for copies keeps the same promises."""

import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from roadbed.adapters.copies.folder import FolderCopies
from roadbed.adapters.copies.git import GitCopies
from roadbed.adapters.copies.objectstore import ObjectStoreCopies, open_store
from roadbed.adapters.copies.webhook import WebhookCopies
from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.core.errors import NotReady, Unavailable
from roadbed.testing.copies_contract import (
    CopiesContract,
    ReadableCopiesContract,
    a_note,
)


def git(*words):
    subprocess.run(["git", *map(str, words)], check=True, capture_output=True)


class TestFolder(ReadableCopiesContract):
    @pytest.fixture
    def place(self, tmp_path):
        return FolderCopies(tmp_path / "copies")


class TestGit(ReadableCopiesContract):
    @pytest.fixture
    def place(self, tmp_path):
        git("init", "--quiet", tmp_path / "clone")
        return GitCopies(tmp_path / "clone")

    def test_what_is_committed_is_pushed(self, tmp_path, place):
        git("init", "--quiet", "--bare", tmp_path / "remote")
        git("-C", tmp_path / "clone", "remote", "add", "origin", tmp_path / "remote")
        place.put(7, a_note(7))
        git("clone", "--quiet", tmp_path / "remote", tmp_path / "auditor")

        assert GitCopies(tmp_path / "auditor").notes() == [a_note(7)]

    def test_what_lies_in_the_folder_is_not_believed(self, tmp_path, place):
        place.put(7, a_note(7))
        (tmp_path / "clone" / "checkpoints" / f"{7:020d}").write_text("forged")

        assert place.notes() == [a_note(7)]

    def test_a_folder_without_a_repository_says_so(self, tmp_path):
        (tmp_path / "none").mkdir()
        with pytest.raises(NotReady, match="git rev-list failed"):
            GitCopies(tmp_path / "none").put(1, a_note(1))


class TestObjectStoreInMemory(ReadableCopiesContract):
    @pytest.fixture
    def place(self):
        return ObjectStoreCopies(open_store("memory:///"))


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


class Mailbox:
    """An address that keeps what it is sent, or refuses it."""

    def __init__(self):
        self.status, self.got = 204, []
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if mailbox.status < 300:
                    mailbox.got.append(body.decode())
                self.send_response(mailbox.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/checkpoints"


@pytest.fixture
def mailbox():
    mailbox = Mailbox()
    yield mailbox
    mailbox.server.shutdown()
    mailbox.server.server_close()


class TestWebhook(CopiesContract):
    @pytest.fixture
    def place(self, mailbox):
        self.mailbox = mailbox
        return WebhookCopies(GuardedWeb(("127.0.0.1",)), mailbox.url)

    def kept(self, place):
        assert place.notes() is None
        return self.mailbox.got

    def test_what_was_refused_is_not_delivered(self, place, mailbox):
        mailbox.status = 500
        with pytest.raises(Unavailable, match="answered 500 to a checkpoint over 7"):
            place.put(7, a_note(7))

        assert mailbox.got == []
