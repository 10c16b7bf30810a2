"""From the record of a call to its spans, in the words of OpenTelemetry.

Names are those of the semantic conventions for generative AI where they have one, and
`roadbed.…` where they have none. What was asked and answered is never among them, and
neither is who asked: the call's id leads whoever may know to both.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from roadbed.inference.record import CallRecord
from roadbed.ports.traces import Event, Span, Value

_OPERATIONS = {"llm": "chat", "embed": "embeddings", "rerank": "rerank"}
_FAILED = ("error", "truncated")


class _Try(msgspec.Struct):
    """One attempt, as `CallRecord.chain` tells of it."""

    model: str = ""
    provider: str = ""
    upstream: str = ""
    status: str = ""
    started_us: int = 0
    latency_us: int = 0
    first_us: int = 0
    cost_nano: int = 0
    hedge: bool = False


_CHAIN = msgspec.json.Decoder(list[_Try])


def spans_of(record: CallRecord, trace_state: str = "") -> list[Span]:
    """Return the span of a call, and one below it for each attempt at an upstream."""
    if not (record.trace_id and record.span_id):
        return []
    call = Span(
        trace_id=record.trace_id,
        span_id=record.span_id,
        parent_id=record.parent_id,
        trace_state=trace_state,
        name=f"{_operation(record)} {record.endpoint}",
        kind="server",
        start_us=record.ts,
        end_us=record.ts + record.latency_us,
        attributes=_said(_attributes(record)),
        events=tuple(_events(record)),
        error=record.error if record.status in _FAILED else "",
    )
    tries = enumerate(_tries(record))
    return [call, *(_attempt(record, number, each) for number, each in tries)]


def _operation(record: CallRecord) -> str:
    return _OPERATIONS.get(record.kind, record.kind)


def _attributes(record: CallRecord) -> dict[str, Value]:
    return {
        **_genai(record),
        "error.type": record.error,
        "roadbed.call_id": record.call_id,
        "roadbed.tenant": record.tenant,
        "roadbed.endpoint": record.endpoint,
        "roadbed.version": record.model,
        "roadbed.dialect": record.dialect,
        "roadbed.status": record.status,
        "roadbed.decision": record.decision,
        "roadbed.snapshot": record.snapshot,
        "roadbed.region": record.region,
        "roadbed.upstream": record.upstream,
        "roadbed.attempts": record.attempts,
        "roadbed.cost_nano": record.cost_nano,
        "roadbed.cache": record.cache,
        "roadbed.degraded": record.degraded,
        "roadbed.first_us": record.first_us,
        "roadbed.rows": record.rows,
        "roadbed.run": record.run,
        "roadbed.rollout": record.rollout,
        "roadbed.arm": record.arm,
        **{f"roadbed.label.{name}": value for name, value in record.labels.items()},
    }


def _genai(record: CallRecord) -> dict[str, Value]:
    if record.kind == "predict":
        return {}
    return {
        "gen_ai.operation.name": _operation(record),
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.model or record.endpoint,
        "gen_ai.response.model": record.served,
        "gen_ai.response.id": record.call_id,
        "gen_ai.response.finish_reasons": [record.finish] if record.finish else [],
        "gen_ai.usage.input_tokens": record.input_tokens,
        "gen_ai.usage.output_tokens": record.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": record.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": record.cache_write_tokens,
    }


def _said(attributes: dict[str, Value]) -> dict[str, Value]:
    """Return those that say something."""
    return {name: value for name, value in attributes.items() if value}


def _events(record: CallRecord) -> Iterator[Event]:
    """Yield the end of each stage of the call."""
    passed = 0
    for stage, took_us in record.stages.items():
        passed += took_us
        took: dict[str, Value] = {"roadbed.stage_us": took_us}
        yield Event(
            name=f"roadbed.stage.{stage}", at_us=record.ts + passed, attributes=took
        )


def _tries(record: CallRecord) -> list[_Try]:
    if record.chain:
        try:
            return _CHAIN.decode(record.chain)
        except msgspec.DecodeError:
            return []
    if record.attempts != 1:
        return []
    before = record.stages.get("admit", 0)
    only: dict[str, Any] = {"model": record.model, "provider": record.provider}
    return [
        _Try(
            **only,
            upstream=record.upstream,
            status="ok",
            started_us=before,
            latency_us=record.stages.get("answer", record.latency_us - before),
            first_us=record.first_us,
            cost_nano=record.cost_nano,
        )
    ]


def _attempt(record: CallRecord, number: int, each: _Try) -> Span:
    """Return the span of an attempt; its id is always the same for the same attempt."""
    name = f"{record.call_id}/{number}".encode()
    start_us = record.ts + each.started_us
    failed = "" if each.status == "ok" else each.status
    attributes: dict[str, Value] = {
        "error.type": failed,
        "roadbed.upstream": each.upstream,
        "roadbed.attempt": number + 1,
        "roadbed.version": each.model,
        "roadbed.first_us": each.first_us,
        "roadbed.cost_nano": each.cost_nano,
        "roadbed.hedge": each.hedge,
    }
    if record.kind != "predict":
        attributes |= {
            "gen_ai.operation.name": _operation(record),
            "gen_ai.provider.name": each.provider,
            "gen_ai.request.model": each.model,
        }
    return Span(
        trace_id=record.trace_id,
        span_id=hashlib.sha256(name).hexdigest()[:16],
        parent_id=record.span_id,
        name=f"{_operation(record)} {each.model}",
        kind="client",
        start_us=start_us,
        end_us=start_us + each.latency_us,
        attributes=_said(attributes),
        error=failed,
    )
