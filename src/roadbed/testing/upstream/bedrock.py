"""Bedrock Converse: JSON, and a stream of binary frames with checksums."""

import json
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.speech import (
    Event,
    Said,
    Speech,
    last_of_user,
    text_of,
)

_PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream)(\?|$)")
_ERRORS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    408: "ModelTimeoutException",
    422: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


class Bedrock(Speech):
    """`POST …/model/{model}/converse`, and `converse-stream`."""

    name = "bedrock"
    stream_type = "application/vnd.amazon.eventstream"
    heartbeat = b""
    ends = 2
    misshapen = '{"delta": 1, "output": {"message": {"content": 1}}}'

    def hears(self, path: str) -> bool:
        """Say whether it is a path of Converse."""
        return _PATH.search(path) is not None

    def streams(self, request: Received) -> bool:
        """Say whether the path wants a stream."""
        return "/converse-stream" in request.path

    def model(self, request: Received) -> str:
        """Return the model in the path."""
        found = _PATH.search(request.path)
        return unquote(found[1]) if found else ""

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return the text of the last message of the user."""
        return text_of(last_of_user(asked.get("messages")).get("content"))

    def read(self, asked: Mapping[str, Any]) -> int:
        """Return the words of all messages and of the system prompt."""
        texts = [text_of(m.get("content")) for m in asked.get("messages", [])]
        return len(" ".join([text_of(asked.get("system")), *texts]).split())

    def tool(self, asked: Mapping[str, Any]) -> str:
        """Return the name of the first tool."""
        tools = (asked.get("toolConfig") or {}).get("tools") or []
        return str(tools[0]["toolSpec"]["name"]) if tools else ""

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return an output with one message."""
        block: dict[str, Any] = {"text": said.text}
        if said.tool:
            use = {"toolUseId": "tooluse_1", "name": said.tool}
            block = {"toolUse": {**use, "input": {"text": said.text}}}
        message = {"role": "assistant", "content": [block]}
        answer = {"output": {"message": message}, "stopReason": _stop(said)}
        return json.dumps(answer | _counted(said)).encode(), {}

    def events(self, said: Said) -> list[Event]:
        """Return all events from `messageStart` to `metadata`."""
        told: list[tuple[str, dict[str, Any]]] = [
            ("messageStart", {"role": "assistant"}),
            *_content(said),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": _stop(said)}),
            ("metadata", _counted(said)),
        ]
        return [Event(name, json.dumps(body)) for name, body in told]

    def broken(self, sentence: str) -> Event:
        """Return an exception: in this dialect it is a frame of the stream."""
        return Event("internalServerException", json.dumps({"message": sentence}))

    def refusal(self, status: int, sentence: str) -> tuple[bytes, dict[str, str]]:
        """Return `{"message": …}`; what kind it is stands in a header."""
        kind = _ERRORS.get(status, "InternalServerException")
        body = json.dumps({"message": sentence}).encode()
        return body, {"x-amzn-errortype": kind}

    def frame(self, event: Event) -> bytes:
        """Return *event* as a binary frame."""
        kind = "exception" if event.name.endswith("Exception") else "event"
        headers = {
            f":{kind}-type": event.name,
            ":content-type": "application/json",
            ":message-type": kind,
        }
        return binary_frame(headers, event.data.encode())


def binary_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of `vnd.amazon.eventstream`, with both of its checksums."""
    packed = b""
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        packed += struct.pack(f">B{len(key)}sBH", len(key), key, 7, len(text)) + text
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _content(said: Said) -> list[tuple[str, dict[str, Any]]]:
    at: dict[str, Any] = {"contentBlockIndex": 0}
    if not said.tool:
        return [("contentBlockDelta", {**at, "delta": {"text": w}}) for w in said.words]
    use = {"toolUse": {"toolUseId": "tooluse_1", "name": said.tool}}
    parts = (said.arguments[:9], said.arguments[9:])
    return [
        ("contentBlockStart", {**at, "start": use}),
        *(
            ("contentBlockDelta", {**at, "delta": {"toolUse": {"input": part}}})
            for part in parts
        ),
    ]


def _stop(said: Said) -> str:
    return "tool_use" if said.tool else "end_turn"


def _counted(said: Said) -> dict[str, Any]:
    """Return usage and metrics; Bedrock's input leaves out what was cached."""
    metrics = {"metrics": {"latencyMs": 7}}
    if said.count is None:
        return metrics
    usage = {
        "inputTokens": said.count.read - said.count.cached,
        "cacheReadInputTokens": said.count.cached,
        "cacheWriteInputTokens": 0,
        "outputTokens": said.count.written,
        "totalTokens": said.count.total,
    }
    return {"usage": usage, **metrics}
