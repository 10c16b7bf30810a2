"""A server on a real socket that speaks whatever it is given, and misbehaves by name.

Written apart from what it tests: each fake says its own wire format by hand, and a real
client of the vendor's has to understand it.
"""

import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEHAVIOURS = [
    *("well", "refuse", "silent", "stall", "cut-clean", "no-end", "abort", "html-200"),
    *("malformed", "error-inside", "400", "401", "403", "429", "500", "503", "drip"),
    *("echo-400", "redirect", "no-usage"),
]


@dataclass
class Asked:
    """One request as it arrived; the names of headers are in small letters."""

    path: str
    headers: dict
    body: bytes
    json: dict = field(default_factory=dict)


class Wire:
    """The server, as a context manager: the n-th request meets the n-th behaviour.

    *speaks* has `stream_type`, `streams(asked)`, `whole(asked)`, `frames(asked)`,
    `failure(status, text)` (headers and a body), `broken()` and `spoiled()` (frames).
    """

    def __init__(self, speaks, *behaviours):
        self.speaks, self.behaviours = speaks, behaviours or ("well",)
        assert set(self.behaviours) <= set(BEHAVIOURS)
        self.requests, self.left = [], threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.wire = self

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        if self.behaviours[0] == "refuse":
            self._server.server_close()
        else:
            serve = self._server.serve_forever
            threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.left.set()
        if self.behaviours[0] != "refuse":
            self._server.shutdown()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def do_POST(self):
        self.wire = self.server.wire
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        asked = Asked(self.path, headers, body, json.loads(body or b"{}"))
        behaviours = self.wire.behaviours
        how = behaviours[min(len(self.wire.requests), len(behaviours) - 1)]
        self.wire.requests.append(asked)
        self.answer(asked, how)

    def answer(self, asked, how):
        speaks = self.wire.speaks
        if how == "silent":
            self.wire.left.wait(30)
        elif how == "html-200":
            self.send(200, {"content-type": "text/html"}, b"<h1>It works!</h1>")
        elif how == "redirect":
            self.send(307, {"location": "http://127.0.0.1:9/"}, b"")
        elif how == "echo-400":
            headers, body = speaks.failure(400, f"bad request: {asked.headers}")
            self.send(400, headers, body)
        elif how.isdigit():
            headers, body = speaks.failure(int(how), f"told as {how}")
            self.send(int(how), headers, body)
        elif speaks.streams(asked):
            self.stream(asked, how)
        else:
            self.whole(asked, how)

    def send(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def whole(self, asked, how):
        speaks, headers = self.wire.speaks, {"content-type": "application/json"}
        body = speaks.whole(asked, counted=how != "no-usage")
        half = body[: len(body) // 2]
        if how == "malformed":
            self.send(200, headers, b'{"candidates": nonsense}')
        elif how == "error-inside":
            told, body = speaks.failure(500, "it broke")
            self.send(500, told, body)
        elif how in ("cut-clean", "no-end"):
            self.send(200, headers, half)
        elif how in ("stall", "abort"):
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(half)
            self.stop(how)
        else:
            self.send(200, headers, body)

    def stream(self, asked, how):
        speaks = self.wire.speaks
        self.send_response(200)
        self.send_header("content-type", speaks.stream_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        frames = speaks.frames(asked, counted=how != "no-usage")
        kept = {"stall": 2, "cut-clean": 2, "abort": 2, "error-inside": 2}.get(how)
        if how == "no-end":
            kept = len(frames) - speaks.ending
        if how == "malformed":
            frames[1:] = [speaks.spoiled()]
        frames = frames[:kept] + ([speaks.broken()] if how == "error-inside" else [])
        data = b"".join(frames)
        for piece in _pieces(data, 7) if how == "drip" else frames:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if how in ("stall", "abort"):
            self.stop(how)
        else:
            self.wfile.write(b"0\r\n\r\n")

    def stop(self, how):
        self.wfile.flush()
        self.close_connection = True
        if how == "stall":
            self.wire.left.wait(30)
        else:
            time.sleep(0.05)  # so that what was sent is read before the reset
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()


def _pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]
