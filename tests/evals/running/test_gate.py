"""A version is promoted once its evaluations passed, or somebody waived them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from roadbed.core.errors import Denied, GateFailed, Invalid
from roadbed.core.reference import parse
from roadbed.evals.kinds import Evaluation
from roadbed.evals.reports.verdicts import Waiver, waive
from roadbed.evals.running.judges import digests_of
from roadbed.registry.versions import get_version
from roadbed.server.evaluating.evaluator import Evaluator
from roadbed.server.evaluating.gates import Gates
from roadbed.server.evaluating.inside import Inside
from tests.control.stacks import resource
from tests.evals.running.line import TESTER, Quiz, endpoint, evaluation, model

OTHER = "user:https://login.example#2"
DAY_US = 24 * 3600 * 1_000_000


def begin(line, skill=80, cases=120, more=""):
    line.golden(cases)
    line.apply(model(skill), endpoint(), evaluation(more=more))


def test_a_version_that_was_not_evaluated_is_not_promoted(line):
    begin(line)
    better = (model(90), endpoint("pupil@2"), evaluation())

    proposal = line.app.desk.propose(line.declare(*better))
    assert any("evaluation exam was not run on it" in w for w in proposal.warnings)
    with pytest.raises(GateFailed, match="exam was not run on it as it is now") as e:
        line.put(*better)
    assert "roadbed eval gate school pupil@2" in e.value.hint


def test_a_version_that_is_better_passes_and_is_promoted(line):
    begin(line)
    better = (model(95), endpoint("pupil@2"), evaluation())

    [gated] = line.gate(preview=line.preview(*better))

    assert gated.outcome == "passed"
    assert gated.comparison["graders"]["right"]["verdict"] == "better"
    assert line.app.desk.propose(line.declare(*better)).warnings == ()
    line.put(*better)
    assert len(Quiz.asked) == 240


def test_a_version_that_is_worse_fails_and_the_report_says_where(line):
    begin(line)
    worse = (model(40), endpoint("pupil@2"), evaluation())

    [gated] = line.gate(preview=line.preview(*worse))

    assert gated.outcome == "failed"
    assert gated.comparison["graders"]["right"]["verdict"] == "worse"
    changed = gated.comparison["changed"][0]
    assert changed["worse"]
    assert changed["baseline_answer"] == changed["input"].upper()
    assert changed["candidate_answer"] == "no idea"
    with pytest.raises(GateFailed, match="exam failed"):
        line.put(*worse)


def test_too_few_cases_decide_nothing(line):
    begin(line, cases=8)
    other = (model(70), endpoint("pupil@2"), evaluation())

    [gated] = line.gate(preview=line.preview(*other))

    assert gated.outcome == "inconclusive"
    with pytest.raises(GateFailed, match="exam is inconclusive"):
        line.put(*other)


def test_a_gate_is_of_one_version_by_one_evaluation_against_one_version(line):
    begin(line)
    better = (model(95), endpoint("pupil@2"), evaluation())
    line.gate(preview=line.preview(*better))

    with pytest.raises(GateFailed, match="was not run on it as it is now"):
        line.put(model(96), endpoint("pupil@2"), evaluation())
    with pytest.raises(GateFailed, match="was not run on it as it is now"):
        line.put(*better[:2], evaluation(gate="{tolerance: 0.5}"))
    line.put(*better)

    line.put(model(97), endpoint("pupil@2"), evaluation())
    line.gate("pupil@3")
    line.gate("pupil@1")
    line.put(model(97), endpoint("pupil@3"), evaluation())
    with pytest.raises(GateFailed, match=r"exam failed|passed against pupil@2"):
        line.put(model(97), endpoint("pupil@1"), evaluation())


def test_dropping_the_evaluation_takes_an_apply_of_its_own(line):
    begin(line)

    with pytest.raises(GateFailed, match="exam was not run"):
        line.put(model(90), endpoint("pupil@2"))
    with pytest.raises(GateFailed, match="exam was not run"):
        line.put(model(90), endpoint("pupil@2"), evaluation(more="blocking: never\n"))


def test_where_its_provider_runs_is_part_of_what_was_evaluated(line):
    begin(line)
    better = (model(95), endpoint("pupil@2"), evaluation())
    line.gate(preview=line.preview(*better))

    elsewhere = resource("Provider", "quiz", "{type: quiz, config: {shift: 3}}")
    with pytest.raises(GateFailed, match="was not run on it as it is now"):
        line.put(elsewhere, *better)


def test_a_first_version_is_compared_with_nothing(line):
    line.golden(60)
    first = (model(90), endpoint(), evaluation(gate="{tolerance: 0.05, floor: 0.7}"))
    line.put(model(90))

    [gated] = line.gate(preview=line.preview(*first))

    assert (gated.outcome, gated.baseline) == ("passed", None)
    line.put(*first)


def test_answers_that_did_not_come_decide_nothing(line):
    begin(line)
    lost = resource("Provider", "quiz", "{type: quiz, config: {fails: '[0-9]3'}}")
    once = "retries: {attempts: 1}"
    line.apply(lost, model(80), endpoint(more=once), evaluation())
    line.put(lost, model(100), endpoint(more=once), evaluation())

    [gated] = line.gate("pupil@2")

    assert gated.outcome == "inconclusive"
    assert "did not come" in gated.said["gate"]["bars"]["answers"]["sentence"]


def waiver(line, actor=OTHER, days=7, reason="the set is stale", version="pupil@2"):
    now_us = line.app.now_us()
    with line.app.database.write() as connection:
        found = get_version(connection, parse(version))
        wanted = Waiver(
            endpoint="school",
            evaluation="exam",
            version=version,
            version_digest=found.digest,
            actor=actor,
            reason=reason,
            at_us=now_us,
            until_us=now_us + days * DAY_US,
        )
        return waive(connection, wanted, found.actor)


def test_another_person_may_waive_an_evaluation_for_a_while(line):
    begin(line)
    line.put(model(90), endpoint(), evaluation())
    waiver(line)

    promoted = (model(90), endpoint("pupil@2"), evaluation())
    proposal = line.app.desk.propose(line.declare(*promoted))
    with pytest.raises(GateFailed):
        line.app.desk.apply(proposal, OTHER)
    line.put(*promoted)


def test_who_made_a_version_waives_nothing_and_a_waiver_ends(line):
    begin(line)
    line.put(model(90), endpoint(), evaluation())
    with pytest.raises(Denied, match="made pupil@2"):
        waiver(line, actor="service-account:operator (agent:helper)")
    with pytest.raises(Invalid, match="within 90 days"):
        waiver(line, days=100)
    with pytest.raises(Invalid, match="says why"):
        waiver(line, reason=" ")

    waiver(line, days=1)
    later = replace(line.app.desk, clock=Later(line.app.clock))
    proposal = later.propose(line.declare(model(90), endpoint("pupil@2"), evaluation()))
    with pytest.raises(GateFailed):
        later.apply(proposal, "service-account:operator")


class Later:
    """Two days later than another clock."""

    def __init__(self, clock):
        self._clock = clock

    def now(self):
        return self._clock.now() + timedelta(days=2)


def test_two_versions_are_compared_by_an_evaluation(line):
    begin(line, more="slices: [even]\n")
    line.golden(120, name="tagged", tags=lambda n: "even" if n % 2 == 0 else "odd")
    exam = evaluation(golden="tagged@1", more="slices: [even]\n")
    line.apply(model(80), endpoint(), exam)
    line.put(model(30), endpoint(), exam)

    async def work():
        seen = line.preview()
        async with Inside(line.app, TESTER, seen) as inside:
            gates = Gates(Evaluator(inside))
            [content] = gates.evaluations("school", ["exam"])
            return await gates.compare(content, parse("pupil@1"), parse("pupil@2"))

    found = asyncio.run(work())["graders"]["right"]

    even = found["slices"]["even"]
    assert found["comparison"]["n"] == 120
    assert even["comparison"]["n"] == 60
    assert (found["verdict"], even["verdict"]) == ("worse", "worse")
    assert even["adjusted_p"] < 0.05


def test_what_a_judge_serves_is_part_of_the_grader():
    spec = {
        "endpoint": "school",
        "cases": {"dataset": "questions@1"},
        "graders": [
            {"name": "j", "grader": "groundedness", "config": JUDGED},
            {"name": "e", "grader": "exact"},
        ],
        "blocking": "never",
    }
    one, two = (digests_of(Evaluation(**spec), {"judge": v}.__getitem__) for v in "ab")

    assert one["j"] != two["j"]
    assert one["e"] == two["e"]


JUDGED = {"method": "judge", "endpoint": "judge"}
