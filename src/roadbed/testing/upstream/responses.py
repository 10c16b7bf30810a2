"""OpenAI Responses: typed events with a name and a number, and no `[DONE]`."""

import json
from collections.abc import Mapping
from typing import Any

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.openai import OpenAI
from roadbed.testing.upstream.speech import (
    Event,
    Said,
    last_of_user,
    text_of,
)


class Responses(OpenAI):
    """`POST …/responses`. Its errors are those of chat completions."""

    name = "openai-responses"
    begins = 4
    misshapen = '{"type": "response.output_text.delta", "output": 1}'

    def hears(self, path: str) -> bool:
        """Say whether it is the path of Responses."""
        return path.split("?")[0].endswith("/responses")

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return the input, or the last message of the user in it."""
        given = asked.get("input", "")
        if isinstance(given, str):
            return given
        return text_of(last_of_user(given).get("content"))

    def read(self, asked: Mapping[str, Any]) -> int:
        """Return the words of the question and of the instructions."""
        return len(f"{asked.get('instructions') or ''} {self.question(asked)}".split())

    def tool(self, asked: Mapping[str, Any]) -> str:
        """Return the name of the first function, unless none may be called."""
        named = [t["name"] for t in asked.get("tools") or [] if t.get("name")]
        return named[0] if named and asked.get("tool_choice") != "none" else ""

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return a `response` that is completed."""
        return json.dumps(_response(said, "completed", _items(said))).encode(), {}

    def events(self, said: Said) -> list[Event]:
        """Return all events from `response.created` to `response.completed`."""
        (done,) = _items(said)
        told: list[tuple[str, dict[str, Any]]] = [
            ("created", {"response": _response(said, "in_progress", [])}),
            ("in_progress", {"response": _response(said, "in_progress", [])}),
            ("output_item.added", {"output_index": 0, "item": _begun(done)}),
            *(_calling(said) if said.tool else _speaking(said)),
            ("output_item.done", {"output_index": 0, "item": done}),
            ("completed", {"response": _response(said, "completed", [done])}),
        ]
        return [
            _event(at, f"response.{kind}", body) for at, (kind, body) in enumerate(told)
        ]

    def broken(self, sentence: str) -> Event:
        """Return an `error` event."""
        body = {"code": "server_error", "message": sentence, "param": None}
        return _event(99, "error", body)


class CountInput(Responses):
    """`POST …/responses/input_tokens`."""

    name = "openai-count"
    misshapen = '{"input_tokens": "many"}'

    def hears(self, path: str) -> bool:
        """Say whether it is the path that counts."""
        return path.split("?")[0].endswith("/responses/input_tokens")

    def streams(self, request: Received) -> bool:
        """Say that it never streams."""
        return False

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return how many tokens were read."""
        count = said.count.read if said.count else 0
        told = {"object": "response.input_tokens", "input_tokens": count}
        return json.dumps(told).encode(), {}


def _event(at: int, kind: str, body: Mapping[str, Any]) -> Event:
    return Event(kind, json.dumps({"type": kind, "sequence_number": at, **body}))


def _items(said: Said) -> list[dict[str, Any]]:
    if said.tool:
        call = {"call_id": "call_1", "name": said.tool, "arguments": said.arguments}
        return [{"type": "function_call", "id": "fc_1", "status": "completed", **call}]
    message = {"id": "msg_1", "role": "assistant", "status": "completed"}
    return [{"type": "message", **message, "content": [_part(said.text)]}]


def _begun(item: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    return {**item, "status": "in_progress", **empty}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _speaking(said: Said) -> list[tuple[str, dict[str, Any]]]:
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    deltas: list[tuple[str, dict[str, Any]]] = [
        ("output_text.delta", {**where, "delta": word, "logprobs": []})
        for word in said.words
    ]
    return [
        ("content_part.added", {**where, "part": _part("")}),
        *deltas,
        ("output_text.done", {**where, "text": said.text, "logprobs": []}),
        ("content_part.done", {**where, "part": _part(said.text)}),
    ]


def _calling(said: Said) -> list[tuple[str, dict[str, Any]]]:
    where = {"item_id": "fc_1", "output_index": 0}
    name, full = "function_call_arguments", said.arguments
    return [
        (f"{name}.delta", {**where, "delta": full[:9]}),
        (f"{name}.delta", {**where, "delta": full[9:]}),
        (f"{name}.done", {**where, "name": said.tool, "arguments": full}),
    ]


def _response(said: Said, status: str, output: list[Any]) -> dict[str, Any]:
    usage = _usage(said) if status == "completed" else None
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "completed_at": 1_700_000_001 if status == "completed" else None,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "background": False,
        "frequency_penalty": 0.0,
        "instructions": said.asked.get("instructions"),
        "max_output_tokens": said.asked.get("max_output_tokens"),
        "max_tool_calls": None,
        "metadata": said.asked.get("metadata") or {},
        "model": said.model,
        "output": output,
        "parallel_tool_calls": True,
        "presence_penalty": 0.0,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": said.asked.get("tools") or [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
    }


def _usage(said: Said) -> dict[str, Any] | None:
    if said.count is None:
        return None
    return {
        "input_tokens": said.count.read,
        "input_tokens_details": {"cached_tokens": said.count.cached},
        "output_tokens": said.count.written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.count.total,
    }
