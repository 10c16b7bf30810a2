"""Google's Gemini: the model and the manner are in the path."""

import json
import re
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

_PATH = re.compile(r"/models/([^/:]+):(generateContent|streamGenerateContent)(\?|$)")
_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    408: "DEADLINE_EXCEEDED",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Gemini(Speech):
    """`POST …/models/{model}:generateContent`, and `:streamGenerateContent`."""

    name = "gemini"
    begins = 0
    misshapen = '{"candidates": {"content": 1}}'

    def hears(self, path: str) -> bool:
        """Say whether it is a path of Gemini's."""
        return _PATH.search(path) is not None

    def streams(self, request: Received) -> bool:
        """Say whether the path wants a stream."""
        return ":streamGenerateContent" in request.path

    def model(self, request: Received) -> str:
        """Return the model in the path."""
        found = _PATH.search(request.path)
        return found[1] if found else ""

    def question(self, asked: Mapping[str, Any]) -> str:
        """Return the text of the last content of the user."""
        return text_of(last_of_user(asked.get("contents")).get("parts"))

    def read(self, asked: Mapping[str, Any]) -> int:
        """Return the words of all contents and of the instruction."""
        told = [asked.get("systemInstruction") or {}, *asked.get("contents", [])]
        return sum(len(text_of(one.get("parts")).split()) for one in told)

    def tool(self, asked: Mapping[str, Any]) -> str:
        """Return the name of the first declared function."""
        for tool in asked.get("tools") or []:
            for function in tool.get("functionDeclarations") or []:
                return str(function["name"])
        return ""

    def whole(self, said: Said, request: Received) -> tuple[bytes, dict[str, str]]:
        """Return one candidate."""
        part: dict[str, Any] = {"text": said.text}
        if said.tool:
            part = {"functionCall": {"name": said.tool, "args": {"text": said.text}}}
        return json.dumps(_answer(said, [part], "STOP")).encode(), {}

    def events(self, said: Said) -> list[Event]:
        """Return a chunk for each word; the last has the finish, and nothing else."""
        parts: list[dict[str, Any]] = [{"text": word} for word in said.words]
        if said.tool:
            call = {"name": said.tool, "args": {"text": said.text}}
            parts = [{"functionCall": call}]
        told = [_answer(said, [part], "") for part in parts]
        told.append(_answer(said, [{"text": ""}], "STOP"))
        return [Event("", json.dumps(answer)) for answer in told]

    def broken(self, sentence: str) -> Event:
        """Return an `error` as the data of an event."""
        return Event("", self.refusal(503, sentence)[0].decode())

    def refusal(self, status: int, sentence: str) -> tuple[bytes, dict[str, str]]:
        """Return `{"error": {…}}` with Google's word for *status*."""
        word = _WORDS.get(status, "UNKNOWN")
        error = {"code": status, "message": sentence, "status": word}
        return json.dumps({"error": error}).encode(), {}


def _answer(said: Said, parts: list[Any], finish: str) -> dict[str, Any]:
    candidate: dict[str, Any] = {
        "content": {"role": "model", "parts": parts},
        "index": 0,
        **({"finishReason": finish} if finish else {}),
    }
    answer = {
        "candidates": [candidate],
        "modelVersion": said.model,
        "responseId": "response-1",
    }
    if said.count:
        answer["usageMetadata"] = {
            "promptTokenCount": said.count.read,
            "cachedContentTokenCount": said.count.cached,
            "candidatesTokenCount": said.count.written,
            "totalTokenCount": said.count.total,
        }
    return answer
