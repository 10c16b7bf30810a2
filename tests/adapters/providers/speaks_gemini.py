"""Gemini's wire format by hand: what the fake says, and how it refuses."""

import json

MODEL = "gemini-2.0-flash-001"
KEY = "AIzaSyCanary0123456789abcdefghijklmnopq"


class Gemini:
    stream_type = "text/event-stream"
    ending = 1

    def streams(self, asked):
        return ":streamGenerateContent" in asked.path

    def whole(self, asked, counted=True):
        return json.dumps(_body(_parts(asked), "STOP", counted)).encode()

    def frames(self, asked, counted=True):
        bodies = [_body([part], None, counted) for part in _pieces(_parts(asked))]
        bodies.append(_body([{"text": ""}], "STOP", counted))
        return [b"data: %b\r\n\r\n" % json.dumps(body).encode() for body in bodies]

    def failure(self, status, text):
        names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "X"}
        names |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
        error = {"code": status, "message": text, "status": names[status]}
        if status == 429:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            error["details"] = [{"@type": kind, "retryDelay": "34.5s"}]
        body = json.dumps({"error": error}).encode()
        return {"content-type": "application/json; charset=UTF-8"}, body

    def broken(self):
        return b"data: %b\r\n\r\n" % self.failure(503, "overloaded")[1]

    def spoiled(self):
        return b'data: {"candidates": nonsense}\r\n\r\n'


def _said(asked):
    last = asked.json["contents"][-1]["parts"][-1]
    return f"You said: {last.get('text', 'something')}"


def _parts(asked):
    declared = asked.json.get("tools")
    if declared:
        tool = declared[0]["functionDeclarations"][0]["name"]
        call = {"name": tool, "args": {"text": _said(asked), "n": [1.50, None]}}
        return [{"functionCall": call, "thoughtSignature": "c2lnbmVk"}]
    thinking = asked.json.get("generationConfig", {}).get("thinkingConfig")
    thought = [{"text": "Hm.", "thought": True}] if thinking else []
    return [*thought, {"text": _said(asked)}]


def _pieces(parts):
    for part in parts:
        if "functionCall" in part:
            yield part
            continue
        for at, word in enumerate(part["text"].split(" ")):
            yield {**part, "text": f" {word}" if at else word}


def _body(parts, finish, counted):
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    body = {"candidates": [candidate], "modelVersion": MODEL, "responseId": "r1"}
    if counted:
        body["usageMetadata"] = {
            "promptTokenCount": 7,
            "candidatesTokenCount": 5 if finish else 1,
            "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 2,
            "totalTokenCount": 15,
        }
    return body
