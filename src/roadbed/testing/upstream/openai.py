"""OpenAI chat completions, and what is compatible with them; Azure's paths as well."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.speech import (
    Event,
    Said,
    Speech,
    last_of_user,
    text_of,
)


class OpenAI(Speech):
    """`POST …/chat/completions`."""

    name = "openai"
    misshapen = '{"choices": {"message": 1}}'

    def hears(self, path: str) -> bool:
        """Say whether it is the path of chat completions."""
        return path.split("?")[0].endswith("/chat/completions")

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return the content of the last message of the user."""
        return text_of(last_of_user(asked.get("messages")).get("content"))

    def read(self, asked: Mapping[str, Any]) -> int:
        """Return the words of all messages."""
        turns = asked.get("messages", [])
        return sum(len(text_of(m.get("content")).split()) for m in turns)

    def tool(self, asked: Mapping[str, Any]) -> str:
        """Return the name of the first function, unless none may be called."""
        if not asked.get("tools") or asked.get("tool_choice") == "none":
            return ""
        return asked["tools"][0]["function"]["name"]

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return a `chat.completion`."""
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.tool:
            function = {"name": said.tool, "arguments": said.arguments}
            call = {"id": "call_1", "type": "function", "function": function}
            message |= {"content": None, "tool_calls": [call]}
        finish = "tool_calls" if said.tool else "stop"
        choice = {"index": 0, "message": message, "finish_reason": finish}
        answer = _frame(said, "chat.completion") | {"choices": [choice]}
        if said.count:
            answer["usage"] = _usage(said)
        return json.dumps(answer).encode(), {}

    def events(self, said: Said) -> list[Event]:
        """Return `chat.completion.chunk`s, the count if it was wanted, and `[DONE]`."""
        frame = _frame(said, "chat.completion.chunk")
        wanted = (said.asked.get("stream_options") or {}).get("include_usage")
        counts = bool(said.count and wanted)
        frame |= {"usage": None} if counts else {}
        choices = [
            {"index": 0, "delta": delta, "finish_reason": None}
            for delta in _deltas(said)
        ]
        finish = "tool_calls" if said.tool else "stop"
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
        told = [json.dumps(frame | {"choices": [choice]}) for choice in choices]
        if counts:
            told.append(json.dumps(frame | {"choices": [], "usage": _usage(said)}))
        return [Event("", data) for data in (*told, "[DONE]")]

    def broken(self, sentence: str) -> Event:
        """Return an `error` object as the data of an event."""
        return Event("", self.refusal(500, sentence)[0].decode())

    def refusal(self, status: int, sentence: str) -> tuple[bytes, dict[str, str]]:
        """Return `{"error": {…}}` with OpenAI's words for *status*."""
        kind, code = "invalid_request_error", None
        if status == 429:
            kind, code = "requests", "rate_limit_exceeded"
        elif status >= 500 or status == 408:
            kind = "server_error"
        error = {"message": sentence, "type": kind, "param": None, "code": code}
        return json.dumps({"error": error}).encode(), {}


def _frame(said: Said, kind: str) -> dict[str, Any]:
    head = {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000}
    return {**head, "model": said.model}


def _usage(said: Said) -> dict[str, Any] | None:
    if said.count is None:
        return None
    return {
        "prompt_tokens": said.count.read,
        "completion_tokens": said.count.written,
        "total_tokens": said.count.total,
        "prompt_tokens_details": {"cached_tokens": said.count.cached},
    }


def _deltas(said: Said) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    if not said.tool:
        yield from ({"content": word} for word in said.words)
        return
    head = {"name": said.tool, "arguments": ""}
    call = {"id": "call_1", "type": "function", "function": head}
    yield {"tool_calls": [{"index": 0, **call}]}
    for part in (said.arguments[:9], said.arguments[9:]):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
