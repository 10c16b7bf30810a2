"""Anthropic Messages, and the counting of their tokens."""

import json
from collections.abc import Mapping
from typing import Any

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.speech import (
    Event,
    Said,
    Speech,
    last_of_user,
    text_of,
)

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Anthropic(Speech):
    """`POST …/messages`."""

    name = "anthropic"
    begins = 3
    misshapen = '{"type": "content_block_delta", "content": 1}'
    heartbeat = b'event: ping\ndata: {"type": "ping"}\n\n'

    def hears(self, path: str) -> bool:
        """Say whether it is the path of messages."""
        return path.split("?")[0].endswith("/messages")

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return the content of the last message of the user."""
        return text_of(last_of_user(asked.get("messages")).get("content"))

    def read(self, asked: Mapping[str, Any]) -> int:
        """Return the words of all messages and of the system prompt."""
        texts = [text_of(m.get("content")) for m in asked.get("messages", [])]
        return len(" ".join([text_of(asked.get("system")), *texts]).split())

    def tool(self, asked: Mapping[str, Any]) -> str:
        """Return the name of the first tool, unless none may be called."""
        choice = asked.get("tool_choice") or {}
        if not asked.get("tools") or choice.get("type") == "none":
            return ""
        return str(asked["tools"][0]["name"])

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return a `message`."""
        block: dict[str, Any] = {"type": "text", "text": said.text}
        if said.tool:
            block = {**_tool_use(said), "input": {"text": said.text}}
        answer = _message(said, [block], _stop(said))
        if said.count:
            answer["usage"] = _usage(said)
        return json.dumps(answer).encode(), {}

    def events(self, said: Said) -> list[Event]:
        """Return all events from `message_start` to `message_stop`."""
        begun = _message(said, [], None)
        if said.count:
            begun["usage"] = {**_usage(said), "output_tokens": 1}
        end: dict[str, Any] = {
            "delta": {"stop_reason": _stop(said), "stop_sequence": None}
        }
        if said.count:
            end["usage"] = {"output_tokens": said.count.written}
        start = _tool_use(said) if said.tool else {"type": "text", "text": ""}
        return [
            _event("message_start", message=begun),
            _event("content_block_start", index=0, content_block=start),
            _event("ping"),
            *(_event("content_block_delta", index=0, delta=d) for d in _deltas(said)),
            _event("content_block_stop", index=0),
            _event("message_delta", **end),
            _event("message_stop"),
        ]

    def broken(self, sentence: str) -> Event:
        """Return an `error` event, as when the service is overloaded."""
        error = {"type": "overloaded_error", "message": sentence}
        return _event("error", error=error)

    def refusal(self, status: int, sentence: str) -> tuple[bytes, dict[str, str]]:
        """Return `{"type": "error", …}` with Anthropic's word for *status*."""
        kind = _KINDS.get(status, "api_error")
        error = {"type": kind, "message": sentence}
        body = {"type": "error", "error": error, "request_id": "req_1"}
        return json.dumps(body).encode(), {"request-id": "req_1"}


class CountTokens(Anthropic):
    """`POST …/messages/count_tokens`."""

    name = "anthropic-count"
    misshapen = '{"input_tokens": "many"}'

    def hears(self, path: str) -> bool:
        """Say whether it is the path that counts."""
        return path.split("?")[0].endswith("/messages/count_tokens")

    def streams(self, request: Received) -> bool:
        """Say that it never streams."""
        return False

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return how many tokens were read."""
        count = said.count.read if said.count else 0
        return json.dumps({"input_tokens": count}).encode(), {}


def _event(kind: str, **body: Any) -> Event:
    return Event(kind, json.dumps({"type": kind, **body}))


def _message(said: Said, content: list[Any], stop: str | None) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
    }


def _tool_use(said: Said) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_1", "name": said.tool, "input": {}}


def _stop(said: Said) -> str:
    return "tool_use" if said.tool else "end_turn"


def _deltas(said: Said) -> list[dict[str, Any]]:
    if not said.tool:
        return [{"type": "text_delta", "text": word} for word in said.words]
    parts = (said.arguments[:9], said.arguments[9:])
    return [{"type": "input_json_delta", "partial_json": part} for part in parts]


def _usage(said: Said) -> dict[str, Any]:
    """Return the usage; Anthropic's `input_tokens` leave out what was cached."""
    if said.count is None:
        return {}
    return {
        "input_tokens": said.count.read - said.count.cached,
        "cache_read_input_tokens": said.count.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": said.count.written,
        "service_tier": "standard",
    }
