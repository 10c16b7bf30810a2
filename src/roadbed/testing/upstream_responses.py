"""A real HTTP server that speaks OpenAI's Responses API, embeddings and rerank.

```
with ResponsesUpstream() as upstream:
    …                     # point a provider at upstream.url
    upstream.requests     # what it was asked: path, headers and body
```

It is written by hand, apart from the dialects, so that both cannot be wrong together.
`how` is one of `well`, `cut` (a stream stops before its terminal event), `failed` and
`error` (a stream ends so), `refused` (400), `floats` (embeddings are never base64),
`few` (a vector is missing), `reversed` (vectors and results in an odd order) and
`nonsense` (JSON of another shape).
"""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from roadbed.core.errors import NotFound

Json = dict[str, Any]
_WIDTH = 4
WAYS = (
    "well", "cut", "failed", "error", "refused", "floats", "few", "reversed",
    "nonsense",
)  # fmt: skip


class ResponsesUpstream:
    """The server, as a context manager, on a port of 127.0.0.1 that is free.

    Raises NotFound for a way in which it does not answer.
    """

    def __init__(self, how: str = "well") -> None:
        if how not in WAYS:
            raise NotFound(f"it does not answer {how!r}", hint=", ".join(WAYS))
        self.how = how
        self.requests: list[tuple[str, dict[str, str], Json]] = []
        handler = type("_Bound", (_Handler,), {"upstream": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client: `http://127.0.0.1:<port>/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    upstream: ResponsesUpstream
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        asked = json.loads(self.rfile.read(size))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.upstream.requests.append((self.path, headers, asked))
        how = self.upstream.how
        if how == "refused":
            error = {
                "message": "Invalid 'dimensions'.",
                "type": "invalid_request_error",
            }
            self._send({"error": error}, 400)
        elif how == "nonsense":
            self._send({"data": 7, "output": 7, "results": {"a": 1}})
        elif self.path == "/v1/embeddings":
            self._send(_embeddings(asked, how))
        elif self.path == "/v1/rerank":
            self._send(_ranking(asked, how))
        elif asked.get("stream"):
            self._stream(_events(asked, how))
        else:
            self._send(_response(asked, how))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _send(self, document: Json, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterator[Json]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for number, event in enumerate(events):
            data = json.dumps(event | {"sequence_number": number})
            self.wfile.write(f"event: {event['type']}\ndata: {data}\n\n".encode())
        self.close_connection = True


# Responses.


def _said(asked: Json) -> str:
    given = asked.get("input", "")
    last = given if isinstance(given, str) else given[-1].get("content", "")
    text = last if isinstance(last, str) else last[-1]["text"]
    return f"You said: {text}"


def _items(asked: Json) -> list[Json]:
    items: list[Json] = []
    if asked.get("reasoning"):
        thought = {"type": "summary_text", "text": "They speak."}
        proof = {"encrypted_content": "gAAA"}
        items.append({"type": "reasoning", "id": "rs_1", "summary": [thought], **proof})
    functions = [t for t in asked.get("tools") or () if t["type"] == "function"]
    if functions:
        name = functions[0]["name"]
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1"}
        arguments = json.dumps({"text": _said(asked)})
        items.append(call | {"name": name, "arguments": arguments})
    else:
        note = {"type": "url_citation", "url": "https://example.org/a", "title": "A"}
        note |= {"start_index": 0, "end_index": 3}
        part = {"type": "output_text", "text": _said(asked), "annotations": [note]}
        message = {"type": "message", "id": "msg_1", "role": "assistant"}
        items.append(message | {"content": [part]})
    return [item | {"status": "completed"} for item in items]


def _frame(asked: Json, status: str, output: list[Json]) -> Json:
    counted = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    counted |= {"input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2}}
    counted |= {"output_tokens_details": {"reasoning_tokens": 5}}
    return {
        "id": "resp_upstream",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": asked["model"],
        "instructions": asked.get("instructions"),
        "output": output,
        "tools": asked.get("tools") or [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "usage": counted if output else None,
    }


def _response(asked: Json, how: str) -> Json:
    if how == "failed":
        error = {"code": "server_error", "message": "The model fell over."}
        return _frame(asked, "failed", []) | {"error": error}
    if how == "cut":
        return _frame(asked, "in_progress", [])
    most = asked.get("max_output_tokens")
    if most is not None and most < 5:
        short = {"incomplete_details": {"reason": "max_output_tokens"}}
        return _frame(asked, "incomplete", _items(asked)) | short
    return _frame(asked, "completed", _items(asked))


def _events(asked: Json, how: str) -> Iterator[Json]:
    begun = _frame(asked, "in_progress", [])
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for at, item in enumerate(_items(asked)):
        yield from _grow(at, item)
    if how == "cut":
        return
    if how == "error":
        told = {"type": "server_error", "code": "server_error", "message": "No."}
        yield {"type": "error", "error": told}
        return
    ended = _response(asked, how)
    yield {"type": f"response.{ended['status']}", "response": ended}


def _grow(at: int, item: Json) -> Iterator[Json]:
    place = {"item_id": item["id"], "output_index": at}
    empty = {"content": []} if item["type"] == "message" else {"arguments": ""}
    if item["type"] == "reasoning":
        empty = {"summary": [], "encrypted_content": None}
    added = {**item, **empty, "status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": at, "item": added}
    if item["type"] == "reasoning":
        told, whole = "reasoning_summary_text", item["summary"][0]["text"]
        place["summary_index"] = 0
        part = {"type": "summary_text", "text": ""}
        kind = "response.reasoning_summary_part.added"
        yield {"type": kind, "part": part, **place}
    elif item["type"] == "function_call":
        told, whole = "function_call_arguments", item["arguments"]
    else:
        told, whole = "output_text", item["content"][0]["text"]
        place["content_index"] = 0
        part = {"type": "output_text", "text": "", "annotations": []}
        yield {"type": "response.content_part.added", "part": part, **place}
    for piece in (whole[:4], whole[4:]):
        yield {
            "type": f"response.{told}.delta",
            "delta": piece,
            "logprobs": [],
            **place,
        }
    if told == "output_text":
        note = {
            "annotation_index": 0,
            "annotation": item["content"][0]["annotations"][0],
        }
        yield {"type": "response.output_text.annotation.added", **note, **place}
    done = {"arguments" if told.startswith("function") else "text": whole}
    yield {"type": f"response.{told}.done", "logprobs": [], **done, **place}
    if told == "output_text":
        part = item["content"][0]
        yield {"type": "response.content_part.done", "part": part, **place}
    yield {"type": "response.output_item.done", "output_index": at, "item": item}


# Vectors and ranks.


def _embeddings(asked: Json, how: str) -> Json:
    given = asked["input"]
    alone = isinstance(given, str) or isinstance(given[0], int)
    inputs = [given] if alone else given
    width = asked.get("dimensions", _WIDTH)
    vectors = [[len(one) + n / 4 for n in range(width)] for one in inputs]
    coded = asked.get("encoding_format") == "base64" and how != "floats"
    data: list[Json] = [
        {"object": "embedding", "index": n, "embedding": _coded(v) if coded else v}
        for n, v in enumerate(vectors)
    ]
    if how == "few":
        data.pop()
    if how == "reversed":
        data.reverse()
    counted = sum(len(one) for one in inputs)
    usage = {"prompt_tokens": counted, "total_tokens": counted}
    return {"object": "list", "data": data, "model": asked["model"], "usage": usage}


def _coded(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _ranking(asked: Json, how: str) -> Json:
    words = set(asked["query"].lower().split())
    scored = [
        (len(words & set(text.lower().split())) / len(words), n)
        for n, text in enumerate(asked["documents"])
    ]
    if how == "few":
        scored.append((0.5, len(scored)))
    scored.sort(key=lambda pair: (-pair[0], pair[1]), reverse=how == "reversed")
    results = [
        {"index": n, "relevance_score": score, "document": {"text": "theirs"}}
        for score, n in scored
    ]
    usage = {"total_tokens": 21}
    return {
        "id": "rerank-1",
        "model": asked["model"],
        "usage": usage,
        "results": results,
    }
