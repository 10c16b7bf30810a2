"""A small inference server that the real Triton client accepts, written by hand.

Its model `double` has the versions 1 and 3: it doubles numbers, and says texts twice.
"""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

TYPES = {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8", "BOOL": "?"}


class Server:
    """Behaves as `how` says: well, broken, silent, cut, html, garbled, or binary.

    `binary` may be None: it answers as it was asked; False: it has no such extension.
    """

    def __init__(self, how="well", binary=None, extra=b""):
        self.how, self.binary, self.extra, self.seen = how, binary, extra, []
        server, self.over = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.say(200, b"{}")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                server.seen.append((self.path, dict(self.headers.items()), body))
                server.answer(self, body)

            def say(self, status, data, length="", promised=None):
                self.send_response(status)
                kind = "application/octet-stream" if length else "application/json"
                kind = "text/html" if server.how == "html" else kind
                self.send_header("content-type", kind)
                self.send_header("content-length", str(promised or len(data)))
                if length:
                    self.send_header("Inference-Header-Content-Length", length)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, handler, body):
        length = handler.headers.get("Inference-Header-Content-Length")
        if self.how == "broken":
            return handler.say(500, b'{"error": "out of memory"}')
        if self.how == "silent":
            return self.over.wait(30)
        parts = handler.path.split("/")
        if parts[:4] != ["", "v2", "models", "double"]:
            return handler.say(404, b'{"error": "Request for unknown model"}')
        version = parts[5] if parts[4] == "versions" else "3"
        if version not in ("1", "3"):
            return handler.say(400, b'{"error": "version is not at ready state"}')
        data, told = doubled(body, length, version, self.binary)
        if self.how == "garbled":
            data = data.replace(b"FP32", b"FP99")
        data += self.extra
        if self.how != "cut":
            return handler.say(200, data, told)
        handler.say(200, data[: len(data) // 2], told, promised=len(data))
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        return time.sleep(0)


def doubled(body, length, version, binary):
    head = json.loads(body[: int(length)] if length else body)
    at, outputs, tail = int(length or 0), [], b""
    wants = head.get("parameters", {}).get("binary_data_output", False)
    for given in head["inputs"]:
        size = given.get("parameters", {}).get("binary_data_size")
        raw = body[at : at + size] if size is not None else None
        at += size or 0
        asked = [o for o in head.get("outputs", []) if o["name"] == given["name"]]
        own = asked[0].get("parameters", {}).get("binary_data") if asked else None
        if binary is not None:
            own = binary
        as_bytes = own if own is not None else wants
        told, more = one(given, raw, as_bytes)
        outputs.append(told)
        tail += more
    answer = {"model_name": "double", "model_version": version, "outputs": outputs}
    if "id" in head:
        answer["id"] = head["id"]
    data = json.dumps(answer).encode()
    return (data + tail, str(len(data))) if tail else (data, "")


def one(given, raw, as_bytes):
    if given["datatype"] == "BYTES":
        texts = strings(raw) if raw is not None else [t.encode() for t in given["data"]]
        twice = [text * 2 for text in texts]
        made = b"".join(len(t).to_bytes(4, "little") + t for t in twice)
        data = [t.decode("utf-8", "replace") for t in twice]
    else:
        kind = np.dtype(TYPES[given["datatype"]])
        values = (
            np.frombuffer(raw, kind)
            if raw is not None
            else np.array(given["data"], kind)
        )
        made, data = (values * 2).astype(kind).tobytes(), (values * 2).tolist()
    told = {name: given[name] for name in ("name", "datatype", "shape")}
    if as_bytes:
        return told | {"parameters": {"binary_data_size": len(made)}}, made
    return told | {"data": data}, b""


def strings(raw):
    at, found = 0, []
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        found.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    return found
