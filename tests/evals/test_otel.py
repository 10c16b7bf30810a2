import json

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

from roadbed.core.errors import Invalid
from roadbed.evals import otel
from roadbed.evals.grading import Grade
from roadbed.evals.otel import Evaluated, from_json, from_proto, to_json, to_proto

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
graded = st.builds(
    Grade,
    value=st.floats(allow_nan=False, allow_infinity=False),
    label=words,
    explanation=words,
) | st.builds(Grade, value=st.none(), error=words.filter(bool))
evaluated = st.builds(
    Evaluated,
    name=words.filter(bool),
    grade=graded,
    at_us=st.integers(0, 2**52),
    response_id=words,
    trace_id=st.just("") | st.just("0af7651916cd43dd8448eb211c80319c"),
    span_id=st.just("") | st.just("b7ad6b7169203331"),
    case=words,
    grader=words,
)


@given(st.lists(evaluated, max_size=4))
def test_what_is_written_is_read_back(some):
    assert from_json(json.dumps(to_json(some)).encode()) == some
    assert from_proto(to_proto(some).SerializeToString()) == some


def test_the_json_is_what_the_protocol_defines():
    """OTLP/JSON has ids in hex, where protobuf's own JSON has them in base 64."""
    one = Evaluated(name="tone", grade=Grade(value=0.5, label="fair"), at_us=7)
    document = to_json([one], {"deployment.environment.name": "test"})
    parsed = ParseDict(document, service.ExportLogsServiceRequest())

    assert parsed == to_proto([one], {"deployment.environment.name": "test"})
    (record,) = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert record["eventName"] == "gen_ai.evaluation.result"
    assert record["timeUnixNano"] == "7000"
    assert {pair["key"] for pair in record["attributes"]} == {
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.value",
        "gen_ai.evaluation.score.label",
    }


def test_what_could_not_be_graded_has_no_value():
    one = Evaluated(name="tone", grade=Grade(value=None, error="no verdict"))

    assert otel.attributes(one) == {
        "gen_ai.evaluation.name": "tone",
        "gen_ai.evaluation.explanation": "no verdict",
        "error.type": "not_graded",
    }


def test_events_of_spans_and_of_older_exporters_are_read():
    pairs = [
        {"key": "gen_ai.evaluation.name", "value": {"stringValue": "Relevance"}},
        {"key": "gen_ai.evaluation.score.value", "value": {"intValue": "4"}},
    ]
    ids = {"traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "b7ad6b7169203331"}
    event = {"name": otel.EVENT, "attributes": pairs}
    spans = [{**ids, "events": [event, {"name": "other"}]}]
    older = {"key": "event.name", "value": {"stringValue": otel.EVENT}}
    document = {
        "resourceSpans": [{"scopeSpans": [{"spans": spans}]}],
        "resourceLogs": [
            {"scopeLogs": [{"logRecords": [{"attributes": [*pairs, older]}, {}]}]}
        ],
    }
    log, span = from_json(json.dumps(document).encode())

    assert (log.name, log.grade.value, log.trace_id) == ("Relevance", 4.0, "")
    assert span.trace_id == "0af7651916cd43dd8448eb211c80319c"


def record(**values):
    pairs = [{"key": k, "value": v} for k, v in values.items()]
    logs = [{"eventName": otel.EVENT, "attributes": pairs}]
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "no object"),
        ({"resourceLogs": {}}, "resourceLogs is no list"),
        ({"resourceLogs": [1]}, "resourceLogs is no list"),
        (record(), "has no gen_ai.evaluation.name"),
        (
            record(
                **{otel.NAME: {"stringValue": "x"}, otel.VALUE: {"stringValue": "y"}}
            ),
            "is no number",
        ),
        (
            record(
                **{otel.NAME: {"stringValue": "x"}, otel.VALUE: {"boolValue": True}}
            ),
            "is no number",
        ),
    ],
)
def test_what_is_wrong_is_said(document, told):
    with pytest.raises(Invalid, match=told):
        from_json(json.dumps(document).encode())


@given(st.binary(max_size=60))
def test_no_bytes_break_the_readers(data):
    for read in (from_json, from_proto):
        try:
            found = read(data)
        except Invalid:
            continue
        assert isinstance(found, list)
