"""A whole line that is watched: its traces arrive, and a silent change is found."""

import asyncio
import re
from functools import partial

import pytest

from roadbed.adapters.providers import replay
from roadbed.control.replays import export
from roadbed.core.actor import Principal
from roadbed.gateway.history import CallQuery
from roadbed.inference.snapshot import ModelVersion
from roadbed.testing.provider_contract import answer, chat_request
from roadbed.testing.upstream import Upstream
from tests import waiting
from tests.adapters.traces.collector import Collector, attributes
from tests.control.stacks import OPERATOR, resource
from tests.served_line import ServedLine

until = partial(waiting.until, seconds=15)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def stack(url):
    config = f"{{type: openai, config: {{base_url: '{url}', private: true}}}}"
    hosted = "{owner: us, hosted: {provider: up, upstream: gpt-test-2024-08-06}}"
    return [
        OPERATOR,
        resource("Provider", "up", config),
        resource("Model", "m", hosted),
        resource("Endpoint", "support", "model: m@1"),
    ]


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A served line behind an upstream, and the collector that it is traced to."""
    with Collector() as collector, Upstream(served="gpt-test-2024-08-06") as upstream:
        line = ServedLine(tmp_path_factory.mktemp("line"))
        more = {"otlp_endpoint": collector.url}
        settings = line.app.settings.model_copy(update=more)
        object.__setattr__(line.app, "settings", settings)
        line.apply(*stack(upstream.url))
        line.start()
        line.upstream, line.collector = upstream, collector
        yield line
        line.stop()


def ask(line, **headers):
    body = {"model": "support", "messages": [{"role": "user", "content": "a secret"}]}
    status, told, _ = line.ask(
        "POST", "/v1/chat/completions", line.key, body, headers or None
    )
    assert status == 200
    return told["x-roadbed-call"]


def test_a_call_is_a_span_between_the_caller_and_the_upstream(watched):
    call_id = ask(watched, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    ask(watched, traceparent=f"00-{TRACE[::-1]}-00f067aa0ba902b7-00")
    ask(watched)
    first, last = until(lambda: len(spans(watched)) > 1 and spans(watched))
    told = attributes(first.attributes)
    sent = [r.headers["traceparent"] for r in watched.upstream.requests]

    assert first.trace_id.hex() == TRACE
    assert first.parent_span_id.hex() == "00f067aa0ba902b7"
    assert last.trace_id.hex() != TRACE[::-1]
    assert sent[0] == f"00-{TRACE}-{first.span_id.hex()}-01"
    assert sent[1].startswith(f"00-{TRACE[::-1]}-")
    assert sent[1].endswith("-00")
    assert told["roadbed.call_id"] == call_id
    assert told["gen_ai.response.model"] == "gpt-test-2024-08-06"
    assert told["gen_ai.usage.input_tokens"] > 0
    assert "a secret" not in str(watched.collector.requests)


def test_feedback_names_a_call_by_its_idempotency_key(watched):
    call_id = ask(watched, **{"idempotency-key": "order-17"})
    said = {"idempotency_key": "order-17", "kind": "label", "value": "refund"}

    path, key = "/api/v1/feedback", watched.key
    status, _, told = watched.ask("POST", path, key, {"feedback": [said]})

    assert status == 200
    assert told["results"][0]["call_id"] == call_id
    assert told["results"][0]["new"] is True


def spans(line):
    """Return the spans of calls; those of attempts are below them."""
    return [span for span in line.collector.spans if span.kind == 2]


def test_what_is_traced_is_counted(watched):
    ask(watched)

    def exported():
        text = watched.ask("GET", "/metrics", watched.key)[2].decode()
        return not re.search(r"roadbed_traces_exported 0$", text, re.M) and text

    assert "roadbed_traces_dropped 0" in until(exported)


def test_a_version_that_is_served_by_another_model_is_found(watched):
    ask(watched)
    until(lambda: watched.parts.watching.served._new == {})
    watched.upstream.served = "gpt-test-2025-01-01"
    call_id = ask(watched)

    def alerts():
        found = watched.ask("GET", "/api/v1/alerts", watched.key)[2]["alerts"]
        return [a for a in found if a["code"] == "served.changed"]

    (alert,) = until(alerts)

    assert alert["detail"] == {
        "before": "gpt-test-2024-08-06",
        "served": "gpt-test-2025-01-01",
        "call": call_id,
    }


def test_what_was_answered_is_exported_and_replayed(watched, tmp_path):
    ask(watched)
    reader = Principal(
        kind="service-account", name="qa", roles=frozenset({"product-owner"})
    )
    stranger = Principal(kind="service-account", name="app", roles=frozenset({"app"}))
    query = CallQuery(endpoint="support", status="ok", limit=3)
    calls = watched.app.calls
    mine = export(watched.app.viewer(reader), calls, query)
    theirs = export(watched.app.viewer(stranger), calls, query)
    file = tmp_path / "calls.jsonl"
    file.write_bytes(mine.data)
    it = replay.provider(replay.Config(calls=str(file), digest=mine.digest), None, None)
    definition = {"hosted": {"provider": "r", "upstream": "x"}}
    version = ModelVersion(model="m", number=1, digest="", definition=definition)
    runner = it.open(version)
    (chunk,) = asyncio.run(answer(runner, chat_request("a secret")))

    assert chunk.text == "You said: a secret"
    assert chunk.usage.input_tokens > 0
    assert (len(mine.lines), mine.left_out) == (3, 0)
    assert theirs.lines == []
