"""What goes upstream: what the caller asks, under the pins of the version."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder, encode

from roadbed.core.errors import Invalid
from roadbed.dialects.base import Written
from roadbed.inference.call import Call
from roadbed.inference.chat import ChatRequest, Fields, raw_fields
from roadbed.inference.conversation import Text, Turn
from roadbed.inference.snapshot import ModelVersion
from roadbed.transport.unsaid import mind, unsaid_in

_OBJECT = Decoder(dict[str, Raw])


def unfit(written: Written, definition: Mapping[str, Any]) -> str | None:
    """Return why *definition* cannot be sent to a chat API, or None if it can."""
    body = definition.get("hosted")
    if body is None:
        return (
            "a model that we trained is not run here; choose the provider of a runtime"
        )
    if not body.get("upstream"):
        return "it names no upstream model; set `upstream`"
    if taken := sorted(written.reserved & set(body.get("parameters") or ())):
        return (
            f"it pins the parameter {taken[0]!r}, which is not a parameter; `upstream` "
            "and `prompt` set the model and the first message, and the caller chooses "
            "whether to stream"
        )
    for name in sorted(written.merged & set(body.get("parameters") or ())):
        if not isinstance(body["parameters"][name], Mapping):
            return f"it pins {name!r} as a value, and that is an object of parameters"
    if body.get("context"):
        return (
            "its documents would never be sent; remove `context`, or choose a provider "
            "that searches documents"
        )
    return None


class Question:
    """What a version adds to every request: its upstream id, prompt and parameters.

    The version's parameters are in the provider's own words, and **win over the
    caller's**: a version answers by its pinned parameters, whoever asks.
    """

    def __init__(self, version: ModelVersion, *, names_model: bool = True) -> None:
        body = version.body
        self.model = str(body["upstream"])
        self._prompt = str(body.get("prompt") or "")
        self._pinned = raw_fields(body.get("parameters") or {})
        if names_model:
            self._pinned["model"] = Raw(encode(self.model))

    def ask(self, call: Call, written: Written) -> bytes:
        """Return the body to send in *written*; raise Invalid if there can be none.

        A caller of the same dialect has the fields forwarded as they were sent.
        """
        request = call.request
        assert isinstance(request, ChatRequest)
        native = call.dialect == written.name
        fields = self._own(request, written) if native else self._other(call, written)
        pinned = written.pins(self._pinned)
        fields = {**fields, **_into(fields, pinned, written.merged)}
        return encode(written.stream(fields) if request.stream else fields)

    def fill(self, fields: Fields) -> bytes:
        """Return the body to send for what is no conversation; raise Invalid.

        A field that is null says nothing, and some servers stumble over it.
        """
        if self._prompt:
            raise Invalid(
                "this version has a prompt, so it holds conversations only",
                hint="declare a model without a prompt for embeddings or ranking",
            )
        said = {name: raw for name, raw in fields.items() if bytes(raw) != b"null"}
        return encode({**said, **self._pinned})

    def _own(self, request: ChatRequest, written: Written) -> Fields:
        return (
            written.prepend(request.fields, self._prompt)
            if self._prompt
            else request.fields
        )

    def _other(self, call: Call, written: Written) -> Fields:
        assert isinstance(call.request, ChatRequest)
        asked = call.request.conversation()
        if unsaid := unsaid_in(asked, written):
            mind(call, unsaid)
        if self._prompt:
            first = Turn(role="system", parts=(Text(text=self._prompt),))
            asked = replace(asked, turns=(first, *asked.turns))
        return written.write(asked)


def checked(written: Written, version: ModelVersion) -> ModelVersion:
    """Return *version*; raise Invalid if it cannot be sent."""
    if reason := unfit(written, version.definition):
        raise Invalid(f"{version}: {reason}")
    return version


def _into(fields: Fields, pinned: Fields, merged: frozenset[str]) -> Fields:
    """Return what is *pinned*, with what else *fields* have in objects of *merged*."""
    both = merged & pinned.keys() & fields.keys()
    if not both:
        return pinned
    known = {n: [_OBJECT.decode(given[n]) for given in (fields, pinned)] for n in both}
    whole = {n: Raw(encode({**old, **new})) for n, (old, new) in known.items()}
    return {**pinned, **whole}
