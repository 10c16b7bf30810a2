"""Grades made here go to a real collector, each to the trace of its call."""

import pytest

from roadbed.evals.announcing import Announcer
from roadbed.evals.grading import Grade
from roadbed.evals.otel import Evaluated
from roadbed.gateway.history import CallQuery
from roadbed.server.learning import learning
from roadbed.server.watching import outlets
from tests.adapters.traces.collector import Collector
from tests.control.stacks import resource
from tests.evals.running.line import endpoint, evaluation, model
from tests.evals.running.test_online import live

ONLINE = (
    "endpoint: school\ncases: {dataset: questions@1}\nblocking: never\n"
    "graders: [{name: loud, grader: regex, config: {pattern: '[A-Z]+'}}]\n"
    "online: {rate: 1}\n"
)


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture
def traced(line, collector):
    """A line whose calls are traced, with an evaluation of four cases."""
    more = {"otlp_endpoint": collector.url + "/v1/traces"}
    settings = line.app.settings.model_copy(update=more)
    object.__setattr__(line.app, "settings", settings)
    line.golden(4)
    line.apply(
        model(100), endpoint(more="stage: development"), evaluation(),
        resource("Evaluation", "live", ONLINE),
    )  # fmt: skip
    return line


def test_grades_of_a_run_are_events_of_the_spans_of_its_calls(traced, collector):
    report = traced.evaluate().report
    noted = collector.noted()
    spans = {s["span_id"]: s for s in collector.plain() if s["kind"] == "server"}

    assert len(noted) == len(spans) == 4
    for note in noted:
        span = spans[note["span_id"]]
        told = note["attributes"]
        assert note["name"] == "gen_ai.evaluation.result"
        assert note["trace_id"] == span["trace_id"]
        assert told["gen_ai.response.id"] == span["attributes"]["roadbed.call_id"]
        assert told["gen_ai.evaluation.name"] == "right"
        assert told["gen_ai.evaluation.score.value"] == 1.0
        assert told["roadbed.case.digest"].startswith("sha256:")
        assert span["attributes"]["roadbed.label.evaluation"] == "exam"
    assert traced.evaluate().report.digest == report.digest
    assert len(collector.noted()) == 4  # What was graded before is not told again.


def test_grades_of_live_calls_are_events_of_their_spans(traced, collector):
    (grading,) = [c for c in learning(traced.app, "one") if c.name == "grading"]
    grading.work()
    calls = live(traced, 3)
    out = outlets(traced.app, "server")
    out.start()
    announce = out.announcer.put
    chores = learning(traced.app, "one", announce)
    (grading,) = [c for c in chores if c.name == "grading"]

    assert grading.work() == 3
    out.close()

    noted = collector.noted()
    assert (out.announcer.exported, out.announcer.dropped) == (3, 0)
    assert {(n["trace_id"], n["span_id"]) for n in noted} == {
        (call.trace_id, call.span_id) for call in calls
    }
    assert {n["attributes"]["gen_ai.evaluation.name"] for n in noted} == {"loud"}


def test_nothing_is_told_where_calls_are_traced_to_nowhere(line):
    line.golden(4)
    line.apply(model(100), endpoint(more="stage: development"), evaluation())

    assert outlets(line.app, "server") is None
    assert line.evaluate().said["cases"] == 4
    assert len(line.app.calls.search(CallQuery(limit=100))) == 4


def test_the_words_of_a_grader_stay_here(collector, line):
    more = {"otlp_endpoint": collector.url}
    settings = line.app.settings.model_copy(update=more)
    object.__setattr__(line.app, "settings", settings)
    announcer = Announcer(line.app.traces("one"), every_s=0.01)
    announcer.start()
    quoted = Grade(value=0.0, label="poor", explanation="it says: Ada lives in Rome")
    announcer.put(Evaluated(name="tone", grade=quoted))
    announcer.put(Evaluated(name="tone", grade=Grade(value=None, error="Ada? no")))
    announcer.close()

    one, other = (n["attributes"] for n in collector.noted())
    assert "Ada" not in str(collector.logs)
    assert one["gen_ai.evaluation.score.label"] == "poor"
    assert other == {"gen_ai.evaluation.name": "tone", "error.type": "not_graded"}
