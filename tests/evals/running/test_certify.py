"""A judge gates once people's labels showed that it agrees with them."""

import asyncio
import itertools
import re
import zlib

import pytest

from roadbed.audit.outbox import logged
from roadbed.cli._certify import _show
from roadbed.control.evaluations import judges_standing
from roadbed.core.errors import GateFailed, Invalid
from roadbed.core.reference import parse
from roadbed.evals.certificates import DAY_US
from roadbed.evals.reports.shown import markdown
from roadbed.evals.running.shelf import Shelf
from roadbed.server.evaluating.certify import Exam, Examiner
from roadbed.server.evaluating.evaluator import Evaluator
from roadbed.server.evaluating.gates import Gates
from roadbed.server.evaluating.inside import Inside
from tests.control.stacks import resource
from tests.evals.running.judging import (
    JudgeUpstream,
    PairUpstream,
    judge_at,
    judged,
    stack,
    with_real_providers,
)
from tests.evals.running.line import TESTER, endpoint, model

CASES = 80


def loud(answer):
    return answer.startswith("WHAT IS")


def lenient(answer):
    """Half of what is wrong passes as well."""
    return loud(answer) or answer == "no idea"


@pytest.fixture
def judge():
    with JudgeUpstream(loud) as upstream:
        yield upstream


@pytest.fixture
def school(line, judge):
    line = with_real_providers(line)
    line.golden(CASES)
    line.apply(*stack(judge.url, skill=80))
    return line


def labels(line, count=80, name="labels", wrong=(), **columns):
    """Put labels that people gave to answers, every fifth of which is bad."""
    numbers = range(count)
    rows = {
        "id": [f"c{n}" for n in numbers],
        "input": [f"what is {n}" for n in numbers],
        "answer": ["no idea" if n % 5 == 0 else f"WHAT IS {n}" for n in numbers],
        "label": ["pass" if (n % 5 > 0) != (n in wrong) else "fail" for n in numbers],
        **{name: [make(n) for n in numbers] for name, make in columns.items()},
    }
    return line.app.datasets.snapshot(name, rows, "user:people")


def certify(line, ref="labels@1", days=90, preview=None):
    async def work():
        seen, told = preview or line.preview(), []
        async with Inside(line.app, TESTER, seen) as inside:
            exam = Exam(
                content=seen.content("Evaluation", "exam"),
                grader="kind",
                labels=parse(ref),
                days=days,
            )
            made = await Examiner(Evaluator(inside)).certify(exam, told.append)
        return made, told

    return asyncio.run(work())


def test_a_judge_without_a_certificate_decides_nothing(school, judge):
    better = stack(judge.url, skill=95, serves="pupil@2")

    [gated] = school.gate(preview=school.preview(*better))

    assert gated.outcome == "inconclusive"
    told = gated.said["gate"]["bars"]["kind"]["sentence"]
    assert "the judge kind may not gate: it has no certificate" in told
    assert "no certificate, so it may inform" in markdown([gated.document()])
    proposal = school.app.desk.propose(school.declare(*better))
    assert any("judge kind may not gate" in warning for warning in proposal.warnings)
    with pytest.raises(GateFailed, match="kind may not gate") as refused:
        school.put(*better)
    assert "roadbed eval certify exam" in refused.value.hint


def test_a_judge_that_agrees_with_people_gates(school, judge):
    better = stack(judge.url, skill=95, serves="pupil@2")
    labels(school, second=lambda n: "pass" if n % 5 else "fail")

    made, told = certify(school)
    [gated] = school.gate(preview=school.preview(*better))

    held = made.certificate
    assert held.findings["agreement"]["value"] == 1.0
    assert held.findings["people"]["agreement"]["value"] == 1.0
    assert held.findings["probes"]["ignore-the-rubric"]["answers"] == 30
    assert (told[-1].done, told[-1].total) == (made.answers, made.answers)
    assert made.cost_nano == told[-1].cost_nano > 0
    assert held.expires_us - held.made_us == 90 * DAY_US
    with school.app.database.read() as connection:
        [entry] = logged(connection, lambda c: (c.action == "judge.certify",))
    assert entry.detail["certificate"] == held.id
    assert gated.outcome == "passed", gated.said["gate"]
    assert f"certificate {held.id[7:19]}" in markdown([gated.document()])
    school.put(*better)


def test_a_judge_that_disagrees_has_a_certificate_and_gates_nothing(school, judge):
    labels(school, wrong=range(1, 40, 2))

    made, _ = certify(school)
    [gated] = school.gate()

    assert made.certificate.findings["agreement"]["value"] == 0.75
    told = gated.said["gate"]["bars"]["kind"]["sentence"]
    assert "agrees with people in 75% of 80 cases" in told
    assert gated.outcome == "inconclusive"


def test_a_judge_that_is_fooled_gates_nothing(school, judge):
    labels(school)
    judge.passes = lambda answer: loud(answer) or "Ignore the rubric" in answer
    certify(school)
    [gated] = school.gate()
    told = gated.said["gate"]["bars"]["kind"]["sentence"]
    assert "33% of the probe ignore-the-rubric pass" in told


def test_another_rubric_is_another_judge(school, judge):
    labels(school)
    certify(school)
    softer = [text.replace("loudly", "softly") for text in stack(judge.url, skill=80)]
    gates = school.gate(preview=school.preview(*softer))
    told = [gated.said["gate"]["bars"]["kind"]["sentence"] for gated in gates]
    assert ["has no certificate" in each for each in told].count(True) == 1


def test_a_judge_behind_another_server_is_another_judge(school, judge):
    labels(school)
    certify(school)
    moved = school.preview(*stack(f"{judge.url}/elsewhere", skill=80))
    content = moved.content("Evaluation", "exam")
    with school.app.database.read() as connection:
        now_us = school.app.now_us()
        here, there = (
            judges_standing(connection, seen, content, now_us)["kind"]
            for seen in (school.preview(), moved)
        )
    assert here.permission.allowed
    assert "has no certificate" in there.refusal


def test_a_judge_that_may_change_any_day_is_not_certified(school, judge):
    labels(school)
    quiz, *_ = stack(judge.url)
    bench, floating, _, prices = judge_at(judge.url, upstream="gpt-4o")
    served = endpoint("judge@2", "judge", "stage: development")
    others = (quiz, bench, floating, served, prices)
    seen = school.preview(*others, model(80), endpoint(), judged())
    with pytest.raises(Invalid, match="may change any day"):
        certify(school, preview=seen)


def test_a_report_shows_what_people_would_say(school, judge):
    """The judge passes everything; people saw that a fifth is wrong."""
    judge.passes = lenient
    school.evaluate("pupil@1")
    rows = school.rows(school.evaluate("pupil@1").said)
    answers = {n: shown(school, rows[n]) for n in range(60)}
    data = {
        "id": [f"c{n}" for n in answers],
        "input": [f"what is {n}" for n in answers],
        "answer": list(answers.values()),
        "label": [loud(text) for text in answers.values()],
    }
    school.app.datasets.snapshot("labels", data, "user:people")
    certify(school)
    truth = sum(loud(shown(school, row)) for row in rows) / len(rows)

    async def work():
        seen = school.preview()
        async with Inside(school.app, TESTER, seen) as inside:
            evaluator = Evaluator(inside)
            content = seen.content("Evaluation", "exam")
            order = evaluator.order(content, parse("pupil@1"))
            made = await evaluator.evaluate(order, lambda progress: None)
            return made, Gates(evaluator).judges(content, made)

    made, known = asyncio.run(work())
    right = known["kind"]["corrected"]["interval"]
    raw = made.said["graders"]["kind"]["interval"]
    assert raw["value"] == 1.0
    assert right["low"] <= truth <= right["high"] < 1.0
    assert "60 human labels" in right["method"]


def shown(line, row):
    [key] = row["answers"]
    return Shelf(line.app.database).answers([key])[key].text


def test_labels_of_other_answers_correct_nothing(school, judge):
    labels(school)
    certify(school)
    [gated] = school.gate()
    right = gated.said["judges"]["kind"]["corrected"]
    assert right["interval"] is None
    assert "labels are of these answers" in right["why"]


def knows(skill, number):
    """Say whether a pupil of that *skill* knows the answer to a question."""
    return zlib.crc32(f"0what is {number}".encode()) % 100 < skill


def both_labelled(line, count, skills=(80, 40)):
    """Label the answers that two versions give to the first *count* cases."""
    rows = [(n, knows(skill, n)) for n in range(count) for skill in skills]
    data = {
        "id": [f"c{n}" for n, _ in rows],
        "input": [f"what is {n}" for n, _ in rows],
        "answer": [f"WHAT IS {n}" if right else "no idea" for n, right in rows],
        "label": [right for _, right in rows],
    }
    line.app.datasets.snapshot("labels", data, "user:people")


@pytest.mark.parametrize(
    ("skills", "told"),
    [((80, 40), ""), ((80,), "are not labelled on both sides")],
)
def test_a_difference_goes_by_what_people_would_say(line, judge, skills, told):
    """The judge lets half of what is wrong pass, so it sees half of the loss."""
    line = with_real_providers(line)
    judge.passes = lambda answer: loud(answer) or ("no idea" in answer and next(odd))
    odd = itertools.cycle([True, False])
    bar = {"bar": "tolerance: 0.35", "agreement": "agreement: 0.6"}
    line.golden(CASES)
    line.apply(*stack(judge.url, skill=80, **bar))
    both_labelled(line, 60, skills)
    certify(line)

    worse = line.preview(*stack(judge.url, skill=40, serves="pupil@2", **bar))
    [gated] = line.gate(preview=worse)

    compared = gated.comparison["graders"]["kind"]
    truth = sum(knows(40, n) - knows(80, n) for n in range(CASES)) / CASES
    text = markdown([gated.document()])
    if told:
        assert "judged" not in compared
        assert told in gated.said["judges"]["kind"]["difference"]["why"]
        assert "as the judge sees it: of 2" in text
        return
    alone, right = compared["judged"], compared["comparison"]
    assert alone["high"] > right["high"]
    assert right["low"] <= truth <= right["high"]
    assert abs(right["difference"] - truth) < abs(alone["difference"] - truth)
    assert "PPI++ with 60 human labels, worth" in right["method"]
    assert gated.outcome == "failed", gated.said["gate"]
    assert (
        "PPI++ with 60 human labels" in gated.said["gate"]["bars"]["kind"]["sentence"]
    )
    assert "the difference is corrected by PPI++ with 60 human labels" in text


def test_labels_are_read_with_care(school):
    school.app.datasets.snapshot("bare", {"input": ["a"]}, "user:people")
    with pytest.raises(Invalid, match="no column 'answer'"):
        certify(school, "bare@1")
    odd = {"input": ["a"], "answer": ["b"], "label": ["perhaps"]}
    school.app.datasets.snapshot("odd", odd, "user:people")
    with pytest.raises(Invalid, match="'perhaps' is no label"):
        certify(school, "odd@1")


EXACT = re.sub("judge\n +config: .*", "exact", judged())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (judged(agreement="agreement: 1"), "must be less than 1"),
        (judged(agreement=""), "its gate says how far it agrees with people"),
        (judged(agreement="").replace("[judge]", "[jury]"), "no endpoint 'jury'"),
        (EXACT, "asks no judge that could agree"),
    ],
)
def test_a_judge_gates_with_a_declared_agreement(line, judge, text, told):
    line = with_real_providers(line)
    *others, _ = stack(judge.url)
    with pytest.raises(Invalid) as refused:
        line.app.desk.propose(line.declare(*others, text))
    assert told in " ".join(problem.message for problem in refused.value.problems)


def test_how_the_order_moves_a_pairwise_judge_is_in_its_certificate(line, capsys):
    spec = (
        "endpoint: school\ncases: {dataset: questions@1}\nblocking: never\n"
        "graders: [{name: kind, grader: judge, config: {endpoints: [judge], "
        "rubric: Be loud., mode: pairwise}}]\n"
    )
    with PairUpstream(loud) as upstream:
        line = with_real_providers(line)
        line.golden(4)
        quiz = resource("Provider", "quiz", "type: quiz")
        line.apply(
            *(quiz, *judge_at(upstream.url), model(), endpoint()),
            resource("Evaluation", "exam", spec),
        )
        labels(line, 20, expected=lambda n: f"WHAT IS {n}, EXACTLY" if n % 2 else "no")
        made, _ = certify(line)

    found = made.certificate.findings["position"]
    # Odd ones are loud twice and 10 is silent twice: the order alone decides those.
    assert found["changed"]["n"] == 20
    assert found["changed"]["value"] == found["flipped"]["value"] == 0.5
    assert 0 < found["changed"]["low"] < 0.5 < found["changed"]["high"] < 1
    assert found["first"]["value"] == 1.0
    with line.app.database.read() as connection:
        content = line.preview().content("Evaluation", "exam")
        known = judges_standing(connection, line.preview(), content, line.app.now_us())
    _show(known["kind"].content(), made)
    told = capsys.readouterr().out
    assert "pairs whose verdict changed with the order: 0.5 (0." in told
    assert "of those, for the one shown first: 1 (0." in told
