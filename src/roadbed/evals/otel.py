"""Grades as OpenTelemetry has them: the event `gen_ai.evaluation.result`, both ways.

The conventions are in development and have no release; the names below are those of
`open-telemetry/semantic-conventions-genai` in November 2026. An event is a log record
of the span that is judged, so it is emitted through logs, not inside the span.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadbed import __version__
from roadbed.core.errors import Invalid
from roadbed.evals.grading import Grade

if TYPE_CHECKING:
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

EVENT = "gen_ai.evaluation.result"
NAME = "gen_ai.evaluation.name"
VALUE = "gen_ai.evaluation.score.value"
LABEL = "gen_ai.evaluation.score.label"
EXPLANATION = "gen_ai.evaluation.explanation"
RESPONSE = "gen_ai.response.id"
ERROR = "error.type"
CASE = "roadbed.case.digest"
GRADER = "roadbed.grader.digest"
SCOPE = "roadbed.evals"
INFO = 9
BYTES = 64 * 1024 * 1024
RECORDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A grade of one answer, and the span and the response that it is about.

    `trace_id` and `span_id` are hex, of 32 and 16 digits, or empty. `at_us` is when it
    was graded, in microseconds since 1970. `case` and `grader` are digests.
    """

    name: str
    grade: Grade
    at_us: int = 0
    response_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    case: str = ""
    grader: str = ""


def attributes(evaluated: Evaluated) -> dict[str, str | float]:
    """Return the attributes of the event; what is not known is left out.

    A grade that could not be told has no value, and `error.type` instead.
    """
    grade = evaluated.grade
    texts = {
        NAME: evaluated.name,
        LABEL: grade.label,
        EXPLANATION: grade.explanation or grade.error,
        RESPONSE: evaluated.response_id,
        CASE: evaluated.case,
        GRADER: evaluated.grader,
    }
    found: dict[str, str | float] = {name: text for name, text in texts.items() if text}
    if grade.value is None:
        return found | {ERROR: "not_graded"}
    return found | {VALUE: float(grade.value)}


def to_json(
    evaluated: Iterable[Evaluated], resource: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return OTLP/JSON, as a collector takes it at `/v1/logs`."""
    scope = {"name": SCOPE, "version": __version__}
    records = [_record(each) for each in evaluated]
    named = {"service.name": "roadbed", **(resource or {})}
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": _pairs(named)},
                "scopeLogs": [{"scope": scope, "logRecords": records}],
            }
        ]
    }


def to_proto(
    evaluated: Iterable[Evaluated], resource: Mapping[str, str] | None = None
) -> "service.ExportLogsServiceRequest":
    """Return the same as a message of OTLP; Invalid without the extra `otel`."""
    messages = _messages()
    request = messages.ExportLogsServiceRequest()
    group = request.resource_logs.add()
    for name, value in {"service.name": "roadbed", **(resource or {})}.items():
        group.resource.attributes.add(key=name).value.string_value = value
    scope = group.scope_logs.add()
    scope.scope.name, scope.scope.version = SCOPE, __version__
    for each in evaluated:
        _write(each, scope.log_records.add())
    return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came in one request: each evaluation, or why it is none, and `others`, the
    number of log records that are about something else."""

    each: tuple[Evaluated | Invalid, ...]
    others: int


def from_json(data: bytes) -> list[Evaluated]:
    """Return the evaluations in OTLP/JSON: of logs, or of events inside of spans.

    What is no evaluation is passed over. Raises Invalid for what is no OTLP/JSON, and
    for an evaluation without a name or with a value that is no number.
    """
    return _all(_events(_document(data)))


def from_proto(data: bytes) -> list[Evaluated]:
    """Return the evaluations in a message of OTLP; Invalid without the extra `otel`."""
    return _all(_events(_plain(data)))


def received(data: bytes, *, proto: bool) -> Received:
    """Return what one request to a receiver of logs holds, good and bad.

    Raises Invalid for what is no OTLP, and for OTLP in protobuf without the extra.
    """
    document = _plain(data) if proto else _document(data)
    records = sum(
        1 for _ in _below(document, "resourceLogs", "scopeLogs", "logRecords")
    )
    found = [_tried(record, at) for at, record in enumerate(_events(document), 1)]
    return Received(each=tuple(found), others=max(0, records - len(found)))


def _all(records: Iterable[Mapping[str, Any]]) -> list[Evaluated]:
    return [_evaluated(record, at) for at, record in enumerate(records, 1)]


def _tried(record: Mapping[str, Any], at: int) -> Evaluated | Invalid:
    try:
        return _evaluated(record, at)
    except Invalid as error:
        return error


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > BYTES:
        raise Invalid(f"the logs have {len(data):,} bytes; at most {BYTES:,} are read")
    try:
        document = json.loads(data, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"this is no OTLP/JSON: {str(error)[:200]}") from None
    if not isinstance(document, dict):
        raise Invalid("this is no OTLP/JSON: it is no object")
    return document


def _plain(data: bytes) -> dict[str, Any]:
    """Return a message as its JSON would be, but for ids, which are hex there."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError

    try:
        request = _messages().ExportLogsServiceRequest.FromString(data)
        document = MessageToDict(request)
    except (DecodeError, RecursionError):
        raise Invalid("this is no message of OTLP logs") from None
    for record in _below(document, "resourceLogs", "scopeLogs", "logRecords"):
        for name in ("traceId", "spanId"):
            record[name] = _hex(record.get(name))
    return document


def _record(evaluated: Evaluated) -> dict[str, Any]:
    record: dict[str, Any] = {
        "timeUnixNano": str(max(0, evaluated.at_us) * 1000),
        "observedTimeUnixNano": str(max(0, evaluated.at_us) * 1000),
        "severityNumber": INFO,
        "eventName": EVENT,
        "attributes": _pairs(attributes(evaluated)),
    }
    if evaluated.trace_id:
        record["traceId"] = evaluated.trace_id
    if evaluated.span_id:
        record["spanId"] = evaluated.span_id
    return record


def _pairs(values: Mapping[str, str | float]) -> list[dict[str, Any]]:
    return [
        {
            "key": name,
            "value": {"stringValue": value}
            if isinstance(value, str)
            else {"doubleValue": value},
        }
        for name, value in values.items()
    ]


def _write(evaluated: Evaluated, to: Any) -> None:
    to.time_unix_nano = to.observed_time_unix_nano = max(0, evaluated.at_us) * 1000
    to.severity_number = INFO
    to.event_name = EVENT
    to.trace_id = bytes.fromhex(evaluated.trace_id)
    to.span_id = bytes.fromhex(evaluated.span_id)
    for name, value in attributes(evaluated).items():
        pair = to.attributes.add(key=name)
        if isinstance(value, str):
            pair.value.string_value = value
        else:
            pair.value.double_value = value


def _events(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events that are evaluations, each with the ids of its span."""
    for record in _below(document, "resourceLogs", "scopeLogs", "logRecords"):
        if EVENT in (record.get("eventName"), _body(record)):
            yield dict(record)
    for span in _below(document, "resourceSpans", "scopeSpans", "spans"):
        ids = {"traceId": span.get("traceId"), "spanId": span.get("spanId")}
        for event in _rows(span, "events"):
            if event.get("name") == EVENT:
                yield {**event, **ids}


def _below(value: Mapping[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for row in _rows(value, names[0]):
        if names[1:]:
            yield from _below(row, *names[1:])
        else:
            yield row


def _body(record: Mapping[str, Any]) -> Any:
    """Return the name of an event as older exporters wrote it: an attribute."""
    return _values(record).get("event.name")


def _rows(value: Mapping[str, Any], name: str) -> Sequence[dict[str, Any]]:
    rows = value.get(name, value.get(_snake(name)))
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid(f"this is no OTLP/JSON: {name} is no list of objects")
    if len(rows) > RECORDS:
        raise Invalid(f"{name} has more than {RECORDS:,} entries")
    return rows


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _evaluated(record: Mapping[str, Any], at: int) -> Evaluated:
    values = _values(record)
    name = values.get(NAME)
    if not isinstance(name, str) or not name:
        raise Invalid(f"evaluation {at} has no {NAME}")
    said = _text(values.get(EXPLANATION))
    value = _score(values.get(VALUE), at)
    error = "" if value is not None else said or _text(values.get(ERROR)) or "no value"
    return Evaluated(
        name=name,
        grade=Grade(
            value=value,
            label=_text(values.get(LABEL)),
            explanation=said if value is not None else "",
            error=error,
        ),
        at_us=_time(record.get("timeUnixNano")) // 1000,
        response_id=_text(values.get(RESPONSE)),
        trace_id=_id(record.get("traceId"), 32),
        span_id=_id(record.get("spanId"), 16),
        case=_text(values.get(CASE)),
        grader=_text(values.get(GRADER)),
    )


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    found = dict[str, Any]()
    for pair in _rows(record, "attributes"):
        value = pair.get("value")
        name = pair.get("key")
        if isinstance(name, str) and isinstance(value, dict) and value:
            found[name] = next(iter(value.values()))
    return found


def _score(value: Any, at: int) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"evaluation {at}: {VALUE} is no number") from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise Invalid(f"evaluation {at}: {VALUE} is no number")
    return number


def _text(value: Any) -> str:
    return value[:10_000] if isinstance(value, str) else ""


def _time(value: Any) -> int:
    plain = str(value)
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 20 else 0


def _id(value: Any, size: int) -> str:
    """Return an id in hex, or nothing for what is none."""
    text = value.lower() if isinstance(value, str) else ""
    sound = len(text) == size and not set(text) - set("0123456789abcdef")
    return text if sound and text.strip("0") else ""


def _hex(value: Any) -> str:
    """Return in hex what protobuf's own JSON has in base 64."""
    import base64

    return base64.b64decode(value).hex() if isinstance(value, str) else ""


def _messages() -> Any:
    try:
        from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    except ImportError:
        raise Invalid(
            "this needs the package opentelemetry-proto, which is not installed",
            hint="install roadbed with its extra `otel`",
        ) from None
    return logs_service_pb2
