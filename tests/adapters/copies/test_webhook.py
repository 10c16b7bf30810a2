"""An address is sent what every place for copies is given."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from roadbed.adapters.copies.webhook import WebhookCopies
from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.core.errors import Unavailable
from roadbed.testing.copies_contract import CopiesContract, a_note


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
    newest = None

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
