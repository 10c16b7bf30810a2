"""A record as spans: OpenTelemetry's words, and never what was said."""

import json

from hypothesis import given
from hypothesis import strategies as st

from roadbed.gateway.spans import spans_of
from roadbed.inference.record import CallRecord

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 16, "b" * 16


def a_record(**fields):
    plain = {
        "call_id": "local-1",
        "ts": 1_000_000,
        "region": "local",
        "tenant": "default",
        "endpoint": "support",
        "kind": "llm",
        "dialect": "openai",
        "status": "ok",
        "trace_id": TRACE,
        "span_id": SPAN,
    }
    return CallRecord(**(plain | fields))


def test_a_call_says_what_the_conventions_ask_for():
    record = a_record(
        model="support-bot@7",
        provider="openai-eu",
        served="gpt-4o-2024-08-06",
        decision="allow: role app",
        finish="stop",
        input_tokens=12,
        output_tokens=34,
        cached_tokens=5,
        cost_nano=250_000,
        latency_us=900_000,
        cache="stale",
        degraded="stale",
        parent_id=PARENT,
        stages={"admit": 100, "answer": 800_000},
        labels={"team": "blue"},
    )
    (span,) = spans_of(record, "vendor=1")
    told = span.attributes

    assert (span.trace_id, span.span_id, span.parent_id) == (TRACE, SPAN, PARENT)
    assert (span.name, span.kind, span.trace_state) == (
        "chat support",
        "server",
        "vendor=1",
    )
    assert (span.start_us, span.end_us, span.error) == (1_000_000, 1_900_000, "")
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai-eu"
    assert told["gen_ai.request.model"] == "support-bot@7"
    assert told["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert told["gen_ai.usage.input_tokens"] == 12
    assert told["gen_ai.usage.output_tokens"] == 34
    assert told["roadbed.cost_nano"] == 250_000
    assert told["roadbed.decision"] == "allow: role app"
    assert told["roadbed.label.team"] == "blue"
    assert (told["roadbed.cache"], told["roadbed.degraded"]) == ("stale", "stale")
    assert [(e.name, e.at_us) for e in span.events] == [
        ("roadbed.stage.admit", 1_000_100),
        ("roadbed.stage.answer", 1_800_100),
    ]


def test_every_attempt_is_a_span_below_the_call():
    chain = [
        {
            "model": "m@2",
            "provider": "a",
            "upstream": "a/1",
            "status": "provider_timeout",
            "started_us": 50,
            "latency_us": 1000,
        },
        {
            "model": "m@1",
            "provider": "b",
            "status": "ok",
            "started_us": 1100,
            "latency_us": 500,
            "cost_nano": 9,
        },
    ]
    call, first, second = spans_of(a_record(attempts=2, chain=json.dumps(chain)))

    assert {s.parent_id for s in (first, second)} == {call.span_id}
    assert len({call.span_id, first.span_id, second.span_id}) == 3
    assert (first.error, second.error) == ("provider_timeout", "")
    assert first.attributes["error.type"] == "provider_timeout"
    assert (first.start_us, first.end_us) == (1_000_050, 1_001_050)
    assert second.attributes["gen_ai.request.model"] == "m@1"
    assert second.attributes["roadbed.cost_nano"] == 9


def test_one_attempt_that_simply_succeeded_is_a_span_too():
    record = a_record(
        attempts=1, model="m@1", provider="a", stages={"admit": 100, "answer": 400}
    )
    _, attempt = spans_of(record)

    assert (attempt.start_us, attempt.end_us) == (1_000_100, 1_000_500)
    assert attempt.kind == "client"


def test_a_failure_is_one_and_a_refusal_is_not():
    (failed,) = spans_of(a_record(status="error", error="provider_error"))
    (denied,) = spans_of(a_record(status="denied", error="permission_denied"))

    assert (failed.error, denied.error) == ("provider_error", "")
    assert denied.attributes["error.type"] == "permission_denied"


def test_a_prediction_is_no_generative_ai():
    (span,) = spans_of(a_record(kind="predict", rows=3))

    assert span.name == "predict support"
    assert not [name for name in span.attributes if name.startswith("gen_ai")]
    assert span.attributes["roadbed.rows"] == 3


def test_neither_what_was_said_nor_who_asked_leaves_with_a_span():
    record = a_record(
        principal="user:anna",
        num={"age": 41.0},
        cat={"city": "SECRET"},
        prediction={"risk": 0.7},
    )
    text = repr(spans_of(record))

    assert not [w for w in ("anna", "age", "41.0", "SECRET", "0.7") if w in text]


@given(st.text())
def test_an_odd_chain_makes_no_span_and_no_trouble(chain):
    assert len(spans_of(a_record(attempts=2, chain=chain))) >= 1


def test_a_record_from_before_there_were_spans_makes_none():
    assert spans_of(a_record(span_id="")) == []
