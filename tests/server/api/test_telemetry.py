"""Grades made elsewhere, as an exporter of OpenTelemetry sends them over a socket."""

import gzip
import json

import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

from tests.server.api.test_feedback import made

NAME, VALUE, LABEL, TOLD, RESPONSE = (
    "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.value",
    "gen_ai.evaluation.score.label",
    "gen_ai.evaluation.explanation",
    "gen_ai.response.id",
)
PROTO = "application/x-protobuf"
ATTRIBUTE = {str: "string_value", float: "double_value", int: "int_value"}


def request(*records):
    """Return what an exporter sends: records of one service, as OTLP has them."""
    message = service.ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "ragas"
    logs = group.scope_logs.add().log_records
    for trace, span, event, attributes in records:
        record = logs.add(time_unix_nano=1, event_name=event)
        record.trace_id, record.span_id = bytes.fromhex(trace), bytes.fromhex(span)
        for name, value in attributes.items():
            pair = record.attributes.add(key=name)
            setattr(pair.value, ATTRIBUTE[type(value)], value)
    return message


def result(attributes, trace="", span="", event="gen_ai.evaluation.result"):
    return trace, span, event, attributes


def send(estate, message, role="app", *, zipped=False):
    """Send a message; return status, and the answer read as a message."""
    body, headers = message.SerializeToString(), {"content-type": PROTO}
    if zipped:
        body, headers = gzip.compress(body), {**headers, "content-encoding": "gzip"}
    status, told, answer = estate.ask("POST", "/v1/logs", role, body, headers)
    assert told["content-type"] == PROTO
    if status != 200:
        return status, answer
    return status, service.ExportLogsServiceResponse.FromString(answer).partial_success


def said_of(estate, call):
    path = f"/api/v1/calls/{call}/feedback"
    found = estate.ask("GET", path, "product-owner")[2]["feedback"]
    return [
        (f["kind"], f["name"], f["number"], f["label"], f["comment"]) for f in found
    ]


@pytest.mark.parametrize("prefix", ["", "chatcmpl-", "msg_", "resp_"])
def test_a_grade_is_joined_by_the_id_of_the_response(estate, prefix):
    call = made(estate)
    message = request(
        result(
            {
                **{RESPONSE: prefix + call, NAME: "Correctness [GEval]"},
                **{VALUE: 0.25, LABEL: "poor", TOLD: "it is Rome"},
            }
        )
    )

    for _ in range(2):  # An exporter may send the same again.
        status, partial = send(estate, message)
        assert (status, partial.rejected_log_records) == (200, 0)
        assert partial.error_message == ""
    assert said_of(estate, call) == [
        ("grade", "Correctness _GEval_", 0.25, "poor", "it is Rome")
    ]


def test_a_grade_is_joined_by_trace_and_span(estate):
    trace, spans = "5bf92f3577b34da6a3ce929d0e0e4736", ("00f067aa0ba902b7", "10" * 8)
    one, two = (made(estate, traceparent=f"00-{trace}-{s}-01") for s in spans)
    own = estate.services.calls.find(two).record.span_id
    told = {NAME: "tone", LABEL: "fair", RESPONSE: "chatcmpl-of-the-provider"}
    message = request(
        result(told, trace, spans[0]),
        result({NAME: "tone", VALUE: 1}, trace, own),
        result({NAME: "tone", VALUE: 1}, trace, "ab" * 8),
    )

    status, partial = send(estate, message, zipped=True)

    assert (status, partial.rejected_log_records) == (200, 1)
    assert partial.error_message.startswith("more than one call has the trace")
    assert said_of(estate, one) == [("grade", "tone", None, "fair", "")]
    assert said_of(estate, two) == [("grade", "tone", 1.0, None, "")]


def test_what_cannot_be_kept_is_counted_with_its_reason(estate):
    call, others = made(estate), made(estate, "researcher")
    gone = "test-0193a1b2-0000-7000-8000-000000000001"
    message = request(
        result({RESPONSE: call, NAME: "tone", VALUE: 1.0}),
        result({RESPONSE: others, NAME: "tone", VALUE: 1.0}),
        result({RESPONSE: gone, NAME: "tone", VALUE: 1.0}),
        result({RESPONSE: call, VALUE: 1.0}),
        result({RESPONSE: call, NAME: "tone", VALUE: float("nan")}),
        result({RESPONSE: call, NAME: "tone"}),
        result({NAME: "tone", VALUE: 1.0}),
        result({"message": "hello"}, event="another.event"),
    )

    status, partial = send(estate, message)

    assert (status, partial.rejected_log_records) == (200, 7)
    for reason in ("may not", "no call of yours has", "has no gen_ai.evaluation.name"):
        assert reason in partial.error_message
    assert said_of(estate, call) == [("grade", "tone", 1.0, None, "")]
    assert said_of(estate, others) == []


def test_a_call_that_another_replica_may_hold_still_is_to_be_told_of_again(estate):
    call = made(estate)
    unknown = call[:-1] + ("0" if call[-1] != "0" else "1")
    of_both = [result({RESPONSE: c, NAME: "tone", VALUE: 1.0}) for c in (unknown, call)]
    body = request(*of_both).SerializeToString()

    for _ in range(2):
        told = estate.ask("POST", "/v1/logs", "app", body, {"content-type": PROTO})
        assert (told[0], told[1]["retry-after"]) == (503, "30")
        assert told[2][:2] == bytes((8, 14))
    assert said_of(estate, call) == [("grade", "tone", 1.0, None, "")]


def test_json_is_answered_in_json(estate):
    call = made(estate)
    pairs = [
        {"key": NAME, "value": {"stringValue": "tone"}},
        {"key": VALUE, "value": {"doubleValue": 0.5}},
        {"key": RESPONSE, "value": {"stringValue": call}},
    ]
    record = {"eventName": "gen_ai.evaluation.result", "attributes": pairs}
    records = [record, {"body": {"stringValue": "hello"}}]
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    kind = {"content-type": "application/json; charset=utf-8"}

    status, told, answer = estate.ask("POST", "/v1/logs", "app", document, kind)

    assert (status, told["content-type"]) == (200, "application/json")
    assert answer == {
        "partialSuccess": {
            "rejectedLogRecords": "1",
            "errorMessage": "only events called gen_ai.evaluation.result are taken (1)",
        }
    }
    records.pop()
    assert estate.ask("POST", "/v1/logs", "app", document, kind)[2] == {}
    assert said_of(estate, call) == [("grade", "tone", 0.5, None, "")]


def test_a_grade_from_elsewhere_is_no_truth(estate):
    call = made(estate)
    send(estate, request(result({RESPONSE: call, NAME: "right", LABEL: "yes"})))

    path = f"/api/v1/calls/{call}/feedback"
    (said,) = estate.ask("GET", path, "product-owner")[2]["feedback"]
    why = estate.ask("GET", f"/api/v1/calls/{call}/why", "viewer")[2]
    assert said["source"] == "service-account:app"
    assert "grade (right) yes" in why["hops"][0]["facts"]["feedback"]


BOMB = gzip.compress(bytes(70 * 1024 * 1024))


@pytest.mark.parametrize(
    ("role", "headers", "body", "status", "code"),
    [
        ("", {"content-type": PROTO}, b"", 401, 16),
        ("viewer", {"content-type": PROTO}, b"", 403, 7),
        ("app", {"content-type": PROTO}, b"\xff\xff", 400, 3),
        ("app", {"content-type": PROTO, "content-encoding": "gzip"}, b"x", 400, 3),
        ("app", {"content-type": PROTO, "content-encoding": "gzip"}, BOMB, 413, 8),
        ("app", {"content-type": PROTO, "content-encoding": "br"}, b"x", 415, 3),
        ("app", {"content-type": "application/json"}, b"[1]", 400, 3),
        ("app", {"content-type": "application/json"}, b"{" * 10_000, 400, 3),
        ("app", {"content-type": "text/plain"}, b"{}", 415, 3),
        ("app", {}, b"{}", 415, 3),
    ],
)
def test_nonsense_is_refused_as_the_protocol_refuses(
    estate, role, headers, body, status, code
):
    answer = estate.ask("POST", "/v1/logs", role, body, headers)

    assert answer[0] == status
    if headers.get("content-type") == PROTO:
        assert answer[1]["content-type"] == PROTO
        assert answer[2][:2] == bytes((8, code))
        told = answer[2].decode("utf-8", "replace")
    else:
        assert answer[2]["code"] == code
        told = json.dumps(answer[2])
    assert "Traceback" not in told


def test_another_method_is_told_which_one_it_is(estate):
    status, headers, told = estate.ask("GET", "/v1/logs", "app")

    assert (status, headers["allow"], told["code"]) == (405, "POST", 12)
