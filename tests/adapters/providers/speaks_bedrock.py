"""Bedrock's wire format by hand: frames, exceptions, and signatures checked by hand."""

import hashlib
import hmac
import json
import struct
from binascii import crc32
from urllib.parse import quote, urlsplit

MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
IDENTITY = "AKIACANARY0000000001"
SECRET = "canary/secret+3f9a7c51e8d2"
TOKEN = "canary-session-token-77"
REGION = "eu-central-1"


def frame(payload, **headers):
    """Return one frame of the binary event stream; headers are texts."""
    packed = b""
    for name, value in headers.items():
        name, data = name.replace("_", "-").encode(), value.encode()
        packed += struct.pack("!B", len(name) + 1) + b":" + name + b"\x07"
        packed += struct.pack("!H", len(data)) + data
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    checked = prelude + struct.pack("!I", crc32(prelude)) + packed + payload
    return checked + struct.pack("!I", crc32(checked))


def event(name, **value):
    kind = {"message_type": "event", "content_type": "application/json"}
    return frame(json.dumps(value).encode(), event_type=name, **kind)


def exception(name, message):
    kind = {"message_type": "exception", "content_type": "application/json"}
    body = json.dumps({"message": message}).encode()
    return frame(body, exception_type=name, **kind)


class Bedrock:
    stream_type = "application/vnd.amazon.eventstream"
    ending = 2

    def streams(self, asked):
        if asked.headers.get("authorization", "").startswith("AWS4"):
            assert signature_of(asked) in asked.headers["authorization"]
        return asked.path.endswith("/converse-stream")

    def whole(self, asked, counted=True):
        message = {"role": "assistant", "content": _blocks(asked)}
        body = {"output": {"message": message}, "stopReason": _reason(asked)}
        body["metrics"] = {"latencyMs": 1}
        if counted:
            body["usage"] = _usage()
        return json.dumps(body).encode()

    def frames(self, asked, counted=True):
        events = [event("messageStart", role="assistant")]
        for at, block in enumerate(_blocks(asked)):
            events += _block_events(at, block)
        events.append(event("messageStop", stopReason=_reason(asked)))
        usage = {"usage": _usage()} if counted else {}
        events.append(event("metadata", metrics={"latencyMs": 1}, **usage))
        return events

    def failure(self, status, text):
        names = {400: "Validation", 401: "UnrecognizedClient", 403: "AccessDenied"}
        names |= {424: "ModelError", 429: "Throttling", 500: "InternalServer"}
        names |= {503: "ServiceUnavailable"}
        kind = f"{names[status]}Exception:http://internal.amazon.com/coral/"
        headers = {"content-type": "application/json", "x-amzn-errortype": kind}
        return headers, json.dumps({"message": text}).encode()

    def broken(self):
        return exception("serviceUnavailableException", "come back")

    def spoiled(self):
        good = event("contentBlockDelta", delta={"text": "x"}, contentBlockIndex=0)
        return good[:-6] + b"\x00\x00" + good[-4:]


def _said(asked):
    last = asked.json["messages"][-1]["content"][-1]
    return f"You said: {last.get('text', 'something')}"


def _blocks(asked):
    config = asked.json.get("toolConfig")
    if config:
        name = config["tools"][0]["toolSpec"]["name"]
        use = {"toolUseId": "tooluse_1", "name": name}
        return [{"toolUse": {**use, "input": {"text": _said(asked), "n": [1.5, None]}}}]
    thought = {"reasoningText": {"text": "Hm.", "signature": "c2lnbmVk"}}
    thinks = "outputConfig" in asked.json
    return [
        *([{"reasoningContent": thought}] if thinks else []),
        {"text": _said(asked)},
    ]


def _block_events(at, block):
    here = {"contentBlockIndex": at}
    if use := block.get("toolUse"):
        head = {k: use[k] for k in ("toolUseId", "name")}
        yield event("contentBlockStart", start={"toolUse": head}, **here)
        written = json.dumps(use["input"])
        for piece in (written[:9], written[9:]):
            yield event(
                "contentBlockDelta", delta={"toolUse": {"input": piece}}, **here
            )
    elif thought := block.get("reasoningContent"):
        for name, value in thought["reasoningText"].items():
            delta = {"reasoningContent": {name: value}}
            yield event("contentBlockDelta", delta=delta, **here)
    else:
        for n, word in enumerate(block["text"].split(" ")):
            delta = {"text": f" {word}" if n else word}
            yield event("contentBlockDelta", delta=delta, **here)
    yield event("contentBlockStop", **here)


def _reason(asked):
    return "tool_use" if asked.json.get("toolConfig") else "end_turn"


def _usage():
    return {
        "inputTokens": 7,
        "outputTokens": 5,
        "totalTokens": 12,
        "cacheReadInputTokens": 2,
        "cacheWriteInputTokens": 4,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 3}],
    }


def signature_of(asked):
    """Return the signature that AWS would compute for *asked*, by the specification."""
    given = dict(
        part.strip().split("=", 1)
        for part in asked.headers["authorization"].partition(" ")[2].split(",")
    )
    names, scope = given["SignedHeaders"].split(";"), given["Credential"].split("/")
    lines = [f"{n}:{' '.join(asked.headers[n].split())}\n" for n in names]
    canonical = "\n".join(
        [
            "POST",
            quote(urlsplit(asked.path).path, safe="/~"),
            "",
            "".join(lines),
            ";".join(names),
            hashlib.sha256(asked.body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    when = asked.headers["x-amz-date"]
    text = "\n".join(["AWS4-HMAC-SHA256", when, "/".join(scope[1:]), digest])
    key = b"AWS4" + SECRET.encode()
    for word in scope[1:]:
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
