"""Does an answer have the form that its question asked for? As far as is seen at once.

Whoever asks for JSON gets JSON, and of an object all the fields that its schema
requires. What is in them is for evaluations.
"""

from collections.abc import Mapping
from typing import Any, Optional

import msgspec

from roadbed.inference.call import Call, Outcome
from roadbed.inference.chat import ChatRequest

MAX_TEXT = 256 * 1024
_FIELDS = ("response_format", "output_config", "output_format", "text")
"""Where the dialects say what form an answer is to have."""
_FORMS = frozenset({"json_object", "json_schema"})


class _Schema(msgspec.Struct):
    schema: Mapping[str, Any] | None = None


class _Form(msgspec.Struct):
    type: str = ""
    schema: Mapping[str, Any] | None = None
    json_schema: _Schema | None = None
    format: Optional["_Form"] = None


_form = msgspec.json.Decoder(_Form).decode
_answer = msgspec.json.Decoder().decode


def breaks_form(call: Call, outcome: Outcome) -> bool:
    """Say whether a whole answer in words is not of the form that was asked for."""
    request = call.request
    if not isinstance(request, ChatRequest) or not _is_whole(outcome):
        return False
    asked = next((name for name in _FIELDS if name in request.fields), None)
    form = _read(request.fields[asked]) if asked else None
    if form is None or form.type not in _FORMS:
        return False
    text = "".join(outcome.text)
    return len(text) <= MAX_TEXT and not _fits(text, form)


def _is_whole(outcome: Outcome) -> bool:
    whole = outcome.status == "ok" and outcome.finish == "stop"
    return whole and not outcome.refused and not outcome.tools


def _read(raw: msgspec.Raw) -> _Form | None:
    try:
        form = _form(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return form.format or form


def _fits(text: str, form: _Form) -> bool:
    try:
        said = _answer(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    schema = form.schema or (form.json_schema.schema if form.json_schema else None)
    if form.type == "json_schema" and (schema or {}).get("type") != "object":
        return True
    required = (schema or {}).get("required")
    wanted = required if isinstance(required, list) else []
    return isinstance(said, dict) and all(name in said for name in wanted)
