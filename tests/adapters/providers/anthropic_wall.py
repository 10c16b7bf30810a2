"""A real HTTP server that speaks Anthropic's Messages API, and misbehaves by name.

Written by hand, from what the API says: it shares nothing with what is tested.
"""

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OVERLOADED = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded"},
    "request_id": "req_upstream",
}
STATUSES = {
    "400": (400, "invalid_request_error", "temperature: too hot"),
    "401": (401, "authentication_error", "invalid x-api-key {key}"),
    "422-echo": (422, "invalid_request_error", "you sent {key}"),
    "429": (429, "rate_limit_error", "slow down"),
    "500": (500, "api_error", "Internal server error"),
    "529": (529, "overloaded_error", "Overloaded"),
}
USAGE = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 7,
    "cache_read_input_tokens": 11,
    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 3},
    "output_tokens": 1,
    "service_tier": "standard",
}
THOUGHT = {"type": "thinking", "thinking": "Hm. Right.", "signature": "c2ln"}


def blocks_for(asked):
    """Return what the model says: a thought if asked to think, a tool, or a text."""
    said = []
    if asked.get("thinking", {}).get("type") == "enabled":
        said.append(THOUGHT)
    last = asked["messages"][-1]["content"]
    text = last if isinstance(last, str) else last[-1].get("text", last[-1]["type"])
    tools = asked.get("tools") or []
    if tools and asked.get("tool_choice", {}).get("type") != "none":
        for number, tool in enumerate(tools, 1):
            given = {"text": text} if tool["input_schema"].get("properties") else {}
            head = {"type": "tool_use", "id": f"toolu_0{number}", "name": tool["name"]}
            said.append(head | {"input": given})
        return said, "tool_use", None
    stops = asked.get("stop_sequences")
    said.append({"type": "text", "text": f"You said: {text}"})
    return said, "stop_sequence" if stops else "end_turn", stops[0] if stops else None


def message(asked, **more):
    head = {"id": "msg_01", "type": "message", "role": "assistant"}
    known = {"model": asked["model"], "content": [], "stop_reason": None}
    return head | known | {"stop_sequence": None, "usage": USAGE} | more


def whole(asked):
    blocks, reason, stop = blocks_for(asked)
    usage = USAGE | {
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    told = {"content": blocks, "stop_reason": reason, "stop_sequence": stop}
    return message(asked, usage=usage, **told)


def events(asked):
    """Return the events of a stream as (name, data)."""
    blocks, reason, stop = blocks_for(asked)
    yield "message_start", {"message": message(asked)}
    yield "ping", {}
    for at, block in enumerate(blocks):
        yield from _block(at, block)
    usage = {"output_tokens": 9, "input_tokens": None}
    usage["output_tokens_details"] = {"thinking_tokens": 2}
    delta = {"stop_reason": reason, "stop_sequence": stop}
    yield "message_delta", {"delta": delta, "usage": usage}
    yield "message_stop", {}


def _block(at, block):
    kinds = {"text": "text_delta", "thinking": "thinking_delta"}
    start = dict(block)
    if block["type"] == "tool_use":
        start["input"] = {}
        text = json.dumps(block["input"]) if block["input"] else ""
        deltas = [{"type": "input_json_delta", "partial_json": ""}]
        halves = (text[:7], text[7:]) if text else ()
        deltas += [{"type": "input_json_delta", "partial_json": h} for h in halves]
    else:
        name = block["type"]
        start[name] = ""
        words = block[name].split(" ")
        pieces = [w if n == 0 else f" {w}" for n, w in enumerate(words)]
        deltas = [{"type": kinds[name], name: piece} for piece in pieces]
    if block["type"] == "thinking":
        start["signature"] = ""
        proof = {"type": "signature_delta", "signature": block["signature"]}
        deltas.append(proof)
    yield "content_block_start", {"index": at, "content_block": start}
    for delta in deltas:
        yield "content_block_delta", {"index": at, "delta": delta}
    yield "content_block_stop", {"index": at}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = json.loads(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        wall = self.server.wall
        wall.requests.append((self.path, headers, asked))
        how = wall.behaviours[min(len(wall.requests), len(wall.behaviours)) - 1]
        if how in STATUSES:
            self._refuse(how, headers)
        elif how == "silent":
            wall.over.wait(20)
        elif how == "html-200":
            self._whole(b"<!doctype html><h1>It works!</h1>", kind="text/html")
        elif self.path.endswith("/count_tokens"):
            count = "many" if how == "malformed-json" else 42
            self._whole(json.dumps({"input_tokens": count}).encode())
        elif asked.get("stream"):
            self._stream(asked, how)
        else:
            self._answer(asked, how)

    def _refuse(self, how, headers):
        status, kind, text = STATUSES[how]
        text = text.replace("{key}", headers.get("x-api-key", ""))
        body = {"type": "error", "error": {"type": kind, "message": text}}
        more = {"retry-after": "7"} if status == 429 else {}
        self._whole(json.dumps(body).encode(), status=status, **more)

    def _whole(self, body, status=200, kind="application/json", cut=0, **headers):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])

    def _answer(self, asked, how):
        body = json.dumps(whole(asked)).encode()
        if how == "early-200-then-error":
            body = json.dumps(OVERLOADED).encode()
        if how == "malformed-json":
            body = b'{"content": nonsense}'
        if how == "no-stop":
            body = json.dumps(message(asked)).encode()
        if how == "cut-clean":
            body = body[: len(body) // 2]
        self._whole(body, cut=40 if how in ("abort", "stall") else 0)
        if how == "stall":
            self.server.wall.over.wait(20)
        if how in ("abort", "stall"):
            self._reset()

    def _stream(self, asked, how):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        told = [self._event(name, data) for name, data in events(asked)]
        kept = {"no-stop": -1, "well": None, "drip": None}.get(how, 5)
        data = b"".join(told[:kept])
        if how == "early-200-then-error":
            data += self._event("error", OVERLOADED)
        if how == "malformed-json":
            data += b"event: content_block_delta\ndata: {nonsense}\n\n"
        step = 7 if how == "drip" else len(data)
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        if how == "stall":
            self.server.wall.over.wait(20)
        if how in ("abort", "stall"):
            time.sleep(0.05)  # so that what was sent is read before the reset
            return self._reset()
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _event(self, name, data):
        body = json.dumps({"type": name} | data)
        return f"event: {name}\ndata: {body}\n\n".encode()

    def _reset(self):
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass  # the caller left: nobody is there to tell


class Wall:
    """What a test sees: `url`, and `requests` as (path, headers, body)."""

    def __init__(self, behaviours):
        self.behaviours = behaviours or ("well",)
        self.requests = []
        self.over = threading.Event()
        self.url = ""


@contextmanager
def anthropic_wall(*behaviours):
    """Serve for the length of the block; the last behaviour stays."""
    wall = Wall(behaviours)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.wall = wall
    wall.url = f"http://127.0.0.1:{server.server_address[1]}"
    if behaviours[:1] == ("refuse",):
        server.server_close()
        yield wall
        return
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield wall
    finally:
        wall.over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
