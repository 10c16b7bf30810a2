"""Runs: asked on the governed path, kept, resumed, within a budget."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from roadbed.core.errors import Denied, Invalid
from roadbed.core.reference import parse
from roadbed.evals.running.tables import answers, runs
from roadbed.gateway.history import CallQuery
from roadbed.registry.versions import add_version, get_version
from tests.control.stacks import resource
from tests.evals.running.line import Quiz, endpoint, evaluation, model


def test_a_version_is_asked_each_case_and_graded(line):
    line.golden(40)
    line.apply(model(70), endpoint(), evaluation())

    said = line.evaluate().said

    right = [row["grades"]["right"] == [1.0] for row in line.rows(said)]
    interval = said["graders"]["right"]["interval"]
    assert len(Quiz.asked) == 40
    assert interval["value"] == sum(right) / 40
    assert interval["low"] < interval["value"] < interval["high"]
    assert said["complete"]


def test_the_calls_are_on_record_under_the_evaluation_and_the_run(line):
    line.golden(3)
    line.apply(model(), endpoint(), evaluation())

    said = line.evaluate().said

    found = line.app.calls.search(CallQuery(limit=10))
    assert {record.labels["run"] for record in found} == {said["run"]}
    assert {record.labels["evaluation"] for record in found} == {"exam"}
    assert {record.principal for record in found} == {"service-account:tester"}
    assert len(found) == 3


def test_what_was_answered_is_not_asked_again_and_the_report_says_so(line):
    line.golden(20)
    line.apply(model(80), endpoint(), evaluation())
    first = line.evaluate()
    again = line.evaluate()
    assert (again.reused, again.report.digest) == (True, first.report.digest)
    assert len(Quiz.asked) == 20

    two = "- {name: also, grader: exact}\n"
    line.apply(model(80), endpoint(), evaluation(more=two))
    other = line.evaluate()

    assert len(Quiz.asked) == 20
    assert not other.reused
    assert (other.said["hits"], first.said["hits"]) == (20, 0)
    assert (
        other.said["graders"]["also"]["interval"]
        == (first.said["graders"]["right"]["interval"])
    )


def test_a_fresh_draw_asks_again(line):
    line.golden(5)
    line.apply(model(), endpoint(), evaluation())
    first, fresh = line.evaluate(), line.evaluate(fresh=True)

    assert len(Quiz.asked) == 10
    assert fresh.said["hits"] == 0
    assert fresh.report.digest != first.report.digest


def test_an_answer_that_did_not_come_is_no_wrong_answer_and_is_asked_again(line):
    line.golden(10)
    provider = resource("Provider", "quiz", "{type: quiz, config: {fails: 'is 7'}}")
    rest = (model(), endpoint(more="retries: {attempts: 1}"), evaluation())
    line.apply(provider, *rest)

    said = line.evaluate().said
    assert said["failures"]["answers"] == 1
    assert said["failures"]["examples"][0]["case"] == "c7"
    assert "quiz is over" in said["failures"]["examples"][0]["error"]
    assert said["graders"]["right"]["interval"]["value"] == 1.0
    assert said["graders"]["right"]["interval"]["n"] == 9

    Quiz.asked.clear()
    again = line.evaluate()
    assert Quiz.asked == ["what is 7"]
    assert again.said["hits"] == 9


def test_a_budget_stops_a_run_cleanly_and_the_next_one_goes_on(line):
    line.golden(30)
    prices = resource(
        "PriceList",
        "ours",
        "prices:\n- {provider: quiz, upstream: 'quiz-*', per_call: '0.01', "
        "since: 2020-01-01}",
    )
    spent = evaluation(more="budget: '0.10'\nconcurrency: 2\n")
    line.apply(prices, model(), endpoint(), spent)

    said = line.evaluate().said

    assert said["stopped"] == "its budget is spent"
    assert not said["complete"]
    assert 9 <= said["done"] <= 10
    assert said["cost_nano"] <= 100_000_000
    more = line.evaluate().said
    assert more["hits"] == said["done"]
    assert more["done"] > said["done"]


def test_who_may_not_be_answered_is_refused_before_anything_is_asked(line):
    line.golden(3)
    only = resource("Model", "pupil", LISTED)
    line.apply(only, endpoint(), evaluation())

    with pytest.raises(Denied, match=r"version\.infer"):
        line.evaluate()
    assert Quiz.asked == []


def test_cases_are_asked_as_often_as_is_said(line):
    line.golden(6)
    line.apply(model(60), endpoint(), evaluation(more="repeats: 3\n"))

    said = line.evaluate().said

    assert len(Quiz.asked) == 18
    rows = line.rows(said)
    assert all(len(row["grades"]["right"]) == 3 for row in rows)
    assert all(len(set(row["answers"])) == 3 for row in rows)
    assert said["graders"]["right"]["interval"]["n"] == 6


def test_a_trained_version_is_asked_with_the_features_of_each_row(line):
    rows = {"a": [1.0, 2.0], "b": [10.0, 20.0], "expected": [11.0, 22.0]}
    line.app.datasets.snapshot("questions", rows, "service-account:tester")
    trained = resource("Model", "pupil", "owner: team\ntrained: {provider: quiz}")
    line.apply(trained)
    definition = {
        "trained": {
            "provider": "quiz",
            "features": ["a", "b"],
            "signature": {
                "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}],
                "outputs": [{"name": "sum", "datatype": "FP64", "shape": [-1]}],
            },
        }
    }
    with line.app.database.write() as connection:
        add_version(connection, "pupil", definition, "user:a#1", 1)
    line.apply(trained, endpoint(), evaluation(golden="questions@1, input: [a, b]"))

    said = line.evaluate().said

    assert said["graders"]["right"]["interval"]["value"] == 1.0
    assert [row["grades"]["right"] for row in line.rows(said)] == [[1.0], [1.0]]


def test_a_version_of_a_branch_is_asked_before_it_is_applied(line):
    line.golden(10)
    line.apply(model(0), endpoint(), evaluation())
    seen = line.preview(model(100), endpoint(), evaluation())

    made = line.evaluate("pupil@2", seen)

    assert made.said["graders"]["right"]["interval"]["value"] == 1.0
    line.apply(model(100), endpoint(), evaluation())
    with line.app.database.read() as connection:
        version = get_version(connection, parse("pupil@2"))
    assert made.report.subject.version_digest == version.digest
    assert line.evaluate("pupil@2").reused


def test_a_branch_lets_nobody_in_and_brings_no_provider_of_its_own(line):
    line.golden(2)
    line.apply(resource("Model", "pupil", LISTED), endpoint(), evaluation())
    with pytest.raises(Denied, match=r"version\.infer"):
        line.evaluate("pupil@2", line.preview(model(5), endpoint(), evaluation()))

    line.apply(model(), endpoint(), evaluation())
    other = resource("Provider", "quiz", "{type: quiz, config: {shift: 3}}")
    branch = line.preview(other, model(5), endpoint(), evaluation())
    with pytest.raises(Denied, match=r"stack\.apply"):
        line.evaluate("pupil@2", branch)
    assert Quiz.asked == []


LISTED = (
    "owner: team\naccess: {infer: ['service-account:operator']}\n"
    "hosted: {provider: quiz, upstream: quiz-50}"
)
KILLED = """
import pathlib, sys, time
from tests.evals.running.line import Line, Quiz
from tests.evals.running.test_runner import answers, counted
line = Line(pathlib.Path(sys.argv[1]))
def tell(progress):
    print(progress.done, flush=True)
    if counted(line, answers) >= 20:
        time.sleep(600)
line.evaluate(tell=tell)
"""


def test_a_run_that_was_killed_goes_on_where_it_was(line, tmp_path):
    line.golden(200)
    slow = resource("Provider", "quiz", "{type: quiz, config: {delay_s: 0.01}}")
    line.apply(slow, model(80), endpoint(), evaluation(more="concurrency: 2\n"))
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    for _ in child.stdout:
        if counted(line, answers) >= 20:
            break
    child.send_signal(signal.SIGKILL)
    child.wait()

    said = line.evaluate().said

    assert said["complete"]
    assert 20 <= said["hits"] < 200
    assert len(Quiz.asked) == 200 - said["hits"]
    assert counted(line, runs) == 1


def counted(line, table):
    with line.app.database.read() as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(table)
        ).scalar()


def test_what_an_upstream_refuses_is_graded_and_asked_again(line):
    line.golden(4)
    line.apply(model(), endpoint(), evaluation())
    Quiz.refuses = "is 2"
    try:
        said = line.evaluate(fresh=True).said
    finally:
        Quiz.refuses = ""

    assert said["refused"] == 1
    assert said["graders"]["right"]["interval"]["value"] == 0.75
    assert [bool(row["answers"][0]) for row in line.rows(said)] == [1, 1, 0, 1]


def test_what_is_wrong_with_a_golden_set_is_said_as_it_is(line):
    line.golden(4, weight=lambda n: -1.0)
    line.apply(model(), endpoint(), evaluation())

    with pytest.raises(Invalid, match="row 1 of questions@1: column 'weight'"):
        line.evaluate()
    assert Quiz.asked == []


def test_a_floating_alias_is_asked_anew_each_day(line):
    line.golden(3)
    more = "stage: development"
    latest = resource(
        "Model",
        "pupil",
        "owner: team\nhosted: {provider: quiz, upstream: quiz-100-latest}",
    )
    line.apply(latest, endpoint(more=more), evaluation())
    line.evaluate()
    assert line.evaluate().reused
    line.app = replace(line.app, clock=Tomorrow(line.app.clock))

    said = line.evaluate().said

    assert len(Quiz.asked) == 6
    assert said["hits"] == 0


class Tomorrow:
    def __init__(self, clock):
        self._clock = clock

    def now(self):
        return self._clock.now() + timedelta(days=1)
