"""What every way to the web must do."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from roadbed.core.errors import Invalid, Unavailable
from roadbed.ports.web import Web


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        place = {"/moved": (302, b""), "/large": (200, b"x" * 2_000_000)}
        status, body = place.get(self.path, (200, b'{"path": "%s"}' % self._path()))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        body = self.rfile.read(length)
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return None

    def _path(self) -> bytes:
        return self.path.encode()


@contextmanager
def web_server() -> Iterator[int]:
    """Answer on a port of this machine for the length of the block."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class WebContract:
    """Inherit this, and say how to make one that may ask some private hosts."""

    @pytest.fixture
    def make(self) -> Callable[[tuple[str, ...]], Web]:
        """Return what makes a web that may ask these private hosts."""
        raise NotImplementedError

    @pytest.fixture
    def port(self) -> Iterator[int]:
        """A server on this machine."""
        with web_server() as port:
            yield port

    def test_a_named_private_host_is_asked(self, make: Any, port: int) -> None:
        """What the settings name is reached, with path and query."""
        reply = make(("127.0.0.1",)).get(f"http://127.0.0.1:{port}/a?b=c")

        assert (reply.status, reply.body) == (200, b'{"path": "/a?b=c"}')

    def test_what_is_posted_arrives(self, make: Any, port: int) -> None:
        """A body is sent whole."""
        reply = make(("127.0.0.1",)).post(f"http://127.0.0.1:{port}/", b"a=b")

        assert (reply.status, reply.body) == (201, b"a=b")

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433"])
    def test_this_machine_is_not_asked(self, make: Any, port: int, host: str) -> None:
        """Whatever it is called."""
        for scheme in ("http", "https"):
            with pytest.raises((Invalid, Unavailable)):
                make(()).get(f"{scheme}://{host}:{port}/")

    def test_a_redirect_is_not_followed(self, make: Any, port: int) -> None:
        """It is an answer like any other."""
        reply = make(("127.0.0.1",)).get(f"http://127.0.0.1:{port}/moved")

        assert (reply.status, reply.headers["location"]) == (302, "/elsewhere")

    def test_an_endless_answer_is_cut_off(self, make: Any, port: int) -> None:
        """Nobody fills our memory."""
        with pytest.raises(Invalid, match="more than"):
            make(("127.0.0.1",)).get(f"http://127.0.0.1:{port}/large")

    @pytest.mark.parametrize(
        "url", ["", "ftp://a.b/", "https://", "https://u:p@a.b/", "https://a.b:x/"]
    )
    def test_what_is_no_address_is_refused(self, make: Any, url: str) -> None:
        """With a clear error."""
        with pytest.raises(Invalid):
            make(()).get(url)
