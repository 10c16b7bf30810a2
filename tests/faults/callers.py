"""The callers: each dialect's own client asks once, and what it saw is written down."""

import http.client
import json
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import anthropic
import httpx2
import openai

QUESTION = "hello there"
HANG_S = 15.0
STUMBLES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    http.client.HTTPException,
    httpx2.HTTPError,
)
"""How a client fails that does not know what to make of an answer."""


@dataclass
class Seen:
    """What a caller saw of one call. `odd` is what no caller should see."""

    text: str = ""
    finish: str = ""
    output_tokens: int | None = None
    error: Any = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    odd: str = ""
    took_s: float = 0.0

    @property
    def call(self):
        return self.headers.get("x-roadbed-call", "")


class Caller:
    """One dialect and its client, without retries."""

    name = ""
    dialect = ""
    streams = True

    def __init__(self, url, key):
        self.url, self.key = url, key

    @classmethod
    def is_spoken(cls):
        return not cls.dialect or bool(find_spec(f"roadbed.dialects.{cls.dialect}"))

    def ask(self, endpoint, *, stream):
        """Ask *endpoint* once; return what was seen, whatever it was."""
        seen, begun = Seen(), time.monotonic()
        try:
            self.call(seen, endpoint, stream=stream)
        except (openai.APIError, anthropic.APIError) as error:
            self.failed(seen, error)
        except STUMBLES as error:
            seen.odd = f"{type(error).__name__}: {error}"
        seen.took_s = time.monotonic() - begun
        return seen

    def failed(self, seen, error):
        response = getattr(error, "response", None)
        if response is not None:
            seen.status = response.status_code
            seen.headers |= dict(response.headers)
        seen.error = error.body
        if error.body is None:
            seen.odd = f"{type(error).__name__}: {error}"

    def call(self, seen, endpoint, *, stream):
        raise NotImplementedError

    def close(self):
        pass


class Chat(Caller):
    name = "openai"

    def __init__(self, url, key):
        super().__init__(url, key)
        base = f"{url}/v1"
        how = {"max_retries": 0, "timeout": HANG_S}
        self.client = openai.OpenAI(base_url=base, api_key=key, **how)

    def call(self, seen, endpoint, *, stream):
        asked = [{"role": "user", "content": QUESTION}]
        more = {"stream_options": {"include_usage": True}} if stream else {}
        raw = self.client.chat.completions.with_raw_response.create(
            model=endpoint, messages=asked, stream=stream, **more
        )
        seen.status, seen.headers = raw.status_code, dict(raw.headers)
        for piece in raw.parse() if stream else [raw.parse()]:
            if piece.usage:
                seen.output_tokens = piece.usage.completion_tokens
            for choice in piece.choices:
                said = choice.delta if stream else choice.message
                seen.text += said.content or ""
                seen.finish = choice.finish_reason or seen.finish

    def close(self):
        self.client.close()


class Responses(Chat):
    name = "responses"
    dialect = "responses"

    def call(self, seen, endpoint, *, stream):
        raw = self.client.responses.with_raw_response.create(
            model=endpoint, input=QUESTION, stream=stream
        )
        seen.status, seen.headers = raw.status_code, dict(raw.headers)
        final = None if stream else raw.parse()
        for event in raw.parse() if stream else []:
            if event.type == "response.output_text.delta":
                seen.text += event.delta
            elif event.type == "error":
                seen.error = {"message": event.message, "code": event.code}
            elif event.type in ("response.failed", "response.incomplete"):
                seen.error = event.response.error and event.response.error.to_dict()
            elif event.type == "response.completed":
                final = event.response
        if final is not None:
            seen.text, seen.finish = final.output_text, final.status
            seen.output_tokens = final.usage.output_tokens if final.usage else None


class Messages(Caller):
    name = "anthropic"
    dialect = "anthropic"

    def __init__(self, url, key):
        super().__init__(url, key)
        how = {"max_retries": 0, "timeout": HANG_S}
        self.client = anthropic.Anthropic(base_url=url, api_key=key, **how)

    def call(self, seen, endpoint, *, stream):
        asked = [{"role": "user", "content": QUESTION}]
        raw = self.client.messages.with_raw_response.create(
            model=endpoint, messages=asked, max_tokens=100, stream=stream
        )
        seen.status, seen.headers = raw.status_code, dict(raw.headers)
        if not stream:
            message = raw.parse()
            seen.text = "".join(block.text for block in message.content)
            seen.finish = message.stop_reason or ""
            seen.output_tokens = message.usage and message.usage.output_tokens
            return
        stop = ""
        for event in raw.parse():
            if event.type == "content_block_delta":
                seen.text += event.delta.text
            elif event.type == "message_delta":
                stop = event.delta.stop_reason or stop
                seen.output_tokens = event.usage and event.usage.output_tokens
            elif event.type == "message_stop":
                seen.finish = stop

    def failed(self, seen, error):
        super().failed(seen, error)
        if isinstance(error.body, dict) and error.body.get("type") == "error":
            seen.error = error.body.get("error")

    def close(self):
        self.client.close()


class Vectors(Chat):
    name = "embeddings"
    dialect = "embeddings"
    streams = False

    def call(self, seen, endpoint, *, stream):
        raw = self.client.embeddings.with_raw_response.create(
            model=endpoint, input=QUESTION, encoding_format="float"
        )
        seen.status, seen.headers = raw.status_code, dict(raw.headers)
        told = raw.parse()
        if [len(one.embedding) for one in told.data] == [4]:
            seen.text, seen.finish = "You said: hello there", "stop"


class Tensors(Caller):
    name = "oip"
    streams = False

    def call(self, seen, endpoint, *, stream):
        where = self.url.partition("//")[2]
        line = http.client.HTTPConnection(where, timeout=HANG_S)
        data = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.5, -2.0]}
        path = f"/v2/models/{endpoint}/infer"
        try:
            head = {"authorization": f"Bearer {self.key}"}
            line.request("POST", path, json.dumps({"inputs": [data]}), head)
            answer = line.getresponse()
            told = json.loads(answer.read())
        finally:
            line.close()
        seen.status = answer.status
        seen.headers = {k.lower(): v for k, v in answer.getheaders()}
        if answer.status >= 400:
            seen.error = {"message": told["error"]}
        elif told["outputs"][0]["data"] == data["data"]:
            seen.text, seen.finish = "You said: hello there", "stop"


CALLERS = (Chat, Responses, Messages, Vectors, Tensors)
