"""What goes upstream: the caller's bytes, under the version's pins."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.json import decode, encode

from roadbed.adapters.providers.openai.config import Config
from roadbed.core.errors import Invalid
from roadbed.inference.chat import ChatRequest
from roadbed.inference.snapshot import ModelVersion

RESERVED = frozenset({"model", "messages", "stream", "stream_options"})


def unfit(config: Config, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be sent to a chat API, or None if it can."""
    body = definition.get("hosted")
    if body is None:
        return (
            "a model that we trained is not run here; choose the provider of a runtime"
        )
    if not body.get("upstream"):
        return "it names no upstream model; set `upstream`"
    if taken := sorted(RESERVED & set(body.get("parameters") or ())):
        return (
            f"it pins the parameter {taken[0]!r}, which is not a parameter; `upstream` "
            "and `prompt` set the model and the first message, and the caller chooses "
            "whether to stream"
        )
    if body.get("context"):
        return (
            "its documents would never be sent; remove `context`, or choose a provider "
            "that searches documents"
        )
    return None


class Question:
    """What a version adds to every request. Raises Invalid if it cannot be sent."""

    def __init__(self, config: Config, version: ModelVersion) -> None:
        if reason := unfit(config, version.definition):
            raise Invalid(f"{version}: {reason}")
        body = version.body
        parameters = body.get("parameters") or {}
        self.model = str(body["upstream"])
        prompt = {"role": "system", "content": body.get("prompt")}
        self._first = [Raw(encode(prompt))] if body.get("prompt") else []
        self._pinned = {name: Raw(encode(v)) for name, v in parameters.items()}
        self._pinned["model"] = Raw(encode(self.model))

    def ask(self, request: ChatRequest) -> bytes:
        """Return the body to send; raise Invalid if the caller's cannot be one."""
        fields = request.fields | self._pinned
        fields.setdefault("messages", Raw(encode(request.messages)))
        if self._first:
            said = _decode(fields["messages"], list[Raw], "messages is an array")
            fields["messages"] = Raw(encode([*self._first, *said]))
        if request.stream:
            asked = fields.get("stream_options", Raw(b"null"))
            options = _decode(asked, dict | None, "stream_options is an object") or {}
            counted = options | {"include_usage": True}
            fields["stream_options"] = Raw(encode(counted))
            fields["stream"] = Raw(b"true")
        return encode(fields)


def _decode(raw: Raw, shape: Any, rule: str) -> Any:
    try:
        return decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid(rule) from None
