"""The graders that there are, on calls of production: a judge over a real socket."""

import asyncio
import json
from dataclasses import asdict

import pytest
import sqlalchemy as sa

from roadbed.cli._quality import gap_rows
from roadbed.control.quality import quality_of
from roadbed.core.reference import parse
from roadbed.evals.asking import Question
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.graders.custom import Custom
from roadbed.evals.online import SPENT
from roadbed.evals.online_tables import online_grades
from roadbed.evals.saying import read
from roadbed.gateway.history import CallQuery
from roadbed.server.api.quality import Shown
from roadbed.server.evaluating.inside import Inside
from roadbed.server.learning import learning
from roadbed.testing.upstream import Upstream
from tests.control.stacks import resource
from tests.evals.running.judging import JudgeUpstream, with_real_providers
from tests.evals.running.line import TESTER, endpoint, model

CALLS = 10
JUDGE = "{name: kind, grader: judge, config: {endpoints: [judge], rubric: Be loud.}}"
EXACT = "{name: right, grader: exact}"
CODE = "def grade(case, answer):\n    return answer['text'].isupper()\n"


class BenchUpstream(JudgeUpstream):
    """Makes embeddings too; as a judge it passes what has no small letter."""

    def __init__(self):
        super().__init__(str.isupper)

    def _next(self, request):
        if request.path.endswith("/embeddings"):
            return Upstream._next(self, request)
        return super()._next(request)


def online(name, graders, more):
    spec = (
        "endpoint: school\ncases: {dataset: questions@1}\nblocking: never\n"
        f"graders: [{', '.join(graders)}]\nonline: {{rate: 1{more}}}\n"
    )
    return resource("Evaluation", name, spec)


def bench(url):
    """Return a judge and a maker of embeddings, both behind *url*."""
    priced = "{provider: up, upstream: %s, since: '2026-01-01', input: '2.5', %s}"
    judge, vectors = "gpt-4o-2024-08-06", "text-embedding-3-small"
    prices = ", ".join(
        (priced % (judge, "output: '10'"), priced % (vectors, "output: '0'"))
    )
    config = f"{{type: openai, config: {{base_url: '{url}', private: true}}}}"
    hosted = "{owner: us, hosted: {provider: up, upstream: %s}}"
    return (
        resource("Provider", "quiz", "type: quiz"),
        resource("Provider", "up", config),
        resource("Model", "judge", hosted % judge),
        resource("Model", "vectors", hosted % vectors),
        endpoint("judge@1", "judge", "stage: development"),
        endpoint("vectors@1", "vectors", "stage: development"),
        resource("PriceList", "own", f"prices: [{prices}]"),
        model(100),
        endpoint("pupil@1", more="stage: development"),
    )


@pytest.fixture
def judged(line):
    """The line, with real providers, and the judge's server."""
    with_real_providers(line)
    line.golden(4)
    with BenchUpstream() as upstream:
        line.upstream = upstream
        yield line


def live(line, count):
    """Ask the endpoint as callers do, and seal; return the records."""

    async def work():
        async with Inside(line.app, TESTER, line.preview()) as inside:
            ask = await inside.version("school", parse("pupil@1"))
            for n in range(count):
                said = [{"role": "user", "content": f"call {n}"}]
                assert (await ask(Question(body={"messages": said}))).status == "ok"

    asyncio.run(work())
    line.app.audit.checkpoint()
    return line.app.calls.search(CallQuery(endpoint="school", limit=100))


def rows(line, name):
    with line.app.database.read() as connection:
        table = online_grades
        query = sa.select(table).where(table.c.evaluation == name)
        return connection.execute(query.order_by(table.c.called_us)).all()


def test_real_graders_grade_online_and_a_judge_within_its_budget(judged):
    line = judged
    line.apply(
        *bench(line.upstream.url),
        online("exam", [EXACT, JUDGE], ", account: tester, budget: '1'"),
        online("frugal", [JUDGE], ", account: tester, budget: '0.000001'"),
        online("mute", [JUDGE], ""),
    )
    report = line.evaluate().report
    (grading,) = [c for c in learning(line.app, "one") if c.name == "grading"]
    assert grading.work() == 0
    calls = live(line, CALLS)
    feedbacks = Feedbacks(line.app.database, line.app.now_us)
    feedbacks.give(calls[0], read("correction", "CALL 9"), "ada", "user:ada")

    assert grading.work() == 3 * CALLS
    exam = rows(line, "exam")
    kind = [row for row in exam if row.grader == "kind"]
    assert [row.value for row in kind] == [1.0] * CALLS
    assert all(row.cost_nano == 50 * 2500 + 9 * 10_000 for row in kind)
    right = [row for row in exam if row.grader == "right"]
    assert [row.value for row in right] == [None] * (CALLS - 1) + [1.0]

    errors = [row.error for row in rows(line, "frugal")]
    assert sorted(errors) == [""] * 8 + [SPENT] * (CALLS - 8)
    assert all("cannot be asked online" in row.error for row in rows(line, "mute"))

    asked = line.app.calls.search(CallQuery(endpoint="judge", limit=100))
    assert len(asked) == len(line.upstream.requests) == 4 + CALLS + 8
    assert {c.principal for c in asked} == {"service-account:tester"}
    marks = [c.labels["evaluation"] for c in asked if "evaluation" in c.labels]
    assert sorted(marks) == ["exam"] * (4 + CALLS) + ["frugal"] * 8
    assert sum("run" in c.labels for c in asked) == 4  # They are of the report.
    assert grading.work() == 0
    the_gap_is_shown(line, report)


def the_gap_is_shown(line, report):
    with line.app.database.read() as connection:
        found = quality_of(connection, "default", "school", (0, 2**62))
        other = quality_of(connection, "other", "school", (0, 2**62))
    assert other.gaps == ()
    gap, right = found.gaps  # `frugal` and `mute` have no report.
    assert (gap.title, gap.model, gap.report) == (
        "exam: kind",
        "pupil@1",
        report.digest,
    )
    assert (gap.offline.n, gap.online.n, gap.gap.value) == (4, CALLS, 0.0)
    assert gap.gap.low < -0.1 < 0.1 < gap.gap.high
    assert (right.title, right.online.n, right.online.missing) == ("exam: right", 1, 9)
    assert next(gap_rows(found))[:5] == (
        "exam: kind", "pupil@1", "1.000", "1.000", "+0.000"
    )  # fmt: skip
    (shown, _) = Shown.model_validate(asdict(found)).gaps
    assert shown.gap.value == 0.0


def test_embeddings_are_asked_for_on_the_governed_path(judged):
    like = "{name: like, grader: similarity, config: {method: embeddings, %s}}"
    line = judged
    line.apply(
        *bench(line.upstream.url),
        online("exam", [like % "endpoint: vectors"], ""),
    )
    said = line.evaluate().said["graders"]["like"]

    assert said["interval"]["value"] == pytest.approx(1.0)
    assert said["missing"] == 0
    asked = line.app.calls.search(CallQuery(endpoint="vectors", limit=10))
    assert len(asked) == len(line.upstream.requests) == 4
    assert all(r.path.endswith("/embeddings") for r in line.upstream.requests)


def test_a_grader_with_a_process_is_closed_at_the_end(line, monkeypatch):
    ended, close = [], Custom.close

    def closing(self):
        ended.append(self._sandbox._process)
        close(self)

    monkeypatch.setattr(Custom, "close", closing)
    line.golden(3)
    code = json.dumps({"code": CODE, "binary": True})
    loud = f"{{name: loud, grader: custom, config: {code}}}"
    school = endpoint(more="stage: development")
    line.apply(model(100), school, online("exam", [loud], ""))
    said = line.evaluate().said["graders"]["loud"]

    assert said["interval"]["value"] == 1.0
    (process,) = ended
    assert process.poll() is not None
