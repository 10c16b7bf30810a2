"""From a call on record to a case, and to the answer that a grader looks at."""

import json
from collections.abc import Mapping
from typing import Any

import roadbed.dialects
from roadbed.core import plugins
from roadbed.core.errors import Invalid, NotFound
from roadbed.evals.asking import Answered
from roadbed.evals.case import Case
from roadbed.gateway.calls import Found
from roadbed.inference.chat import ChatRequest
from roadbed.inference.conversation import ToolUse, said
from roadbed.inference.record import CallRecord, Payload

DIALECTS = "roadbed.dialects"
_OUTPUT = "output."


def case_of(found: Found, truth: Any = None) -> Case:
    """Return a call as a case: what was asked, and *truth* as what is expected.

    Raises Invalid if there is none: what was asked was not kept, or has several rows.
    """
    record = found.record
    asked = _row(found) if record.kind == "predict" else _conversation(found)
    provenance = {"call": record.call_id, "model": record.model}
    return Case(id=record.call_id, input=asked, expected=truth, provenance=provenance)


def answered_of(found: Found) -> Answered:
    """Return what a call was answered, as far as it was kept."""
    record = found.record
    told = _response(found.payload)
    ok = record.status == "ok"
    return Answered(
        status="ok" if ok else "refused" if record.status == "denied" else "failed",
        error="" if ok else record.error or record.status,
        call_id=record.call_id,
        text=str(told.get("text") or ""),
        tools=tuple(_tool(each) for each in told.get("tool_calls") or ()),
        outputs=_outputs(told) or _predicted(record),
        finish=record.finish,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cost_nano=record.cost_nano,
        latency_us=record.latency_us,
        first_us=record.first_us,
    )


def answer_shown(answered: Answered) -> Any:
    """Return an answer as people judge it: its text, its tools, or its outputs."""
    if answered.outputs:
        rows = {name: list(values) for name, values in answered.outputs.items()}
        return {n: v[0] if len(v) == 1 else v for n, v in rows.items()}
    tools = [{"name": t.name, "arguments": t.arguments} for t in answered.tools]
    if not tools:
        return answered.text or None
    return {"text": answered.text, "tools": tools} if answered.text else tools


def _row(found: Found) -> dict[str, Any]:
    record = found.record
    if record.rows > 1:
        raise Invalid(f"call {record.call_id} has {record.rows} rows, not one")
    texts = {n: v for n, v in record.cat.items() if not n.startswith(_OUTPUT)}
    row: dict[str, Any] = {**record.num, **texts}
    if row:
        return row
    asked = _read(_kept(found).request)
    inputs = [each for each in asked.get("inputs") or () if each.get("data")]
    if not inputs:
        raise Invalid(f"what call {record.call_id} asked is too large to be a case")
    return {
        each["name"]: each["data"][0] if len(each["data"]) == 1 else each["data"]
        for each in inputs
    }


def _conversation(found: Found) -> Any:
    kept, dialect = _kept(found), found.record.dialect
    if dialect == "openai":
        messages = _read(kept.request).get("messages")
    else:
        messages = _messages(kept, dialect)
    if not isinstance(messages, list) or not messages:
        raise Invalid(f"call {found.record.call_id} is no conversation")
    only = messages[0]
    alone = len(messages) == 1 and only.get("role") == "user"
    return only["content"] if alone and isinstance(only["content"], str) else messages


def _messages(kept: Payload, dialect: str) -> list[dict[str, Any]]:
    """Return the turns of a conversation in another dialect, as far as text goes."""
    try:
        spoken = plugins.find(roadbed.dialects, DIALECTS, dialect).SPOKEN
        _, request = spoken.read(kept.request.encode())
    except (AttributeError, NotFound):
        return []
    if not isinstance(request, ChatRequest):
        return []
    turns = request.conversation().turns
    return [{"role": turn.role, "content": said(turn.parts)} for turn in turns]


def _kept(found: Found) -> Payload:
    if found.payload is None:
        raise Invalid(
            f"what was said in call {found.record.call_id} was not kept",
            hint="the endpoint's keep_payloads decides, or it was erased",
        )
    return found.payload


def _response(payload: Payload | None) -> Mapping[str, Any]:
    return _read(payload.response) if payload else {}


def _read(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _tool(told: Mapping[str, Any]) -> ToolUse:
    names = ("id", "name", "arguments")
    return ToolUse(**{name: str(told.get(name) or "") for name in names})


def _outputs(told: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for each in told.get("outputs") or ():
        data, shape = each.get("data"), each.get("shape") or [1]
        if data is None:
            continue
        wide = len(data) // shape[0] if shape[0] else 1
        rows = [data[at : at + wide] for at in range(0, len(data), max(1, wide))]
        found[each["name"]] = tuple(r[0] if len(r) == 1 else r for r in rows)
    return found


def _predicted(record: CallRecord) -> dict[str, tuple[Any, ...]]:
    """Return what the record itself shows of a single row's prediction."""
    many: dict[str, list[Any]] = {}
    for name, value in record.prediction.items():
        many.setdefault(name.partition("[")[0], []).append(value)
    texts = {
        name.removeprefix(_OUTPUT): [value]
        for name, value in record.cat.items()
        if name.startswith(_OUTPUT)
    }
    return {
        name: (v[0] if len(v) == 1 else v,) for name, v in {**many, **texts}.items()
    }
