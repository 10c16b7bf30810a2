import asyncio
import json

import pytest

from roadbed.evals.asking import Answered
from roadbed.evals.graders import contains, judge, normalised
from roadbed.evals.probes import PROBES, probe
from roadbed.testing.grader_contract import Judges, a_sample

SAMPLES = [
    a_sample("Paris", question="The capital of France?", id="1"),
    a_sample("Lima", question="The capital of Peru?", id="2"),
]


def answering(decide):
    def answer(question):
        points = int(decide(question.body["messages"][1]["content"]))
        label = "pass" if points else "fail"
        said = {"reason": "r", "points": points, "label": label}
        return Answered(text=json.dumps(said), cost_nano=2)

    return Judges(one=answer)


def probed(grader, means):
    told = asyncio.run(probe(grader, SAMPLES, means))
    return {each.name: each for each in told}


def a_judge():
    config = judge.Config(endpoints=["one"], rubric="It names the capital.")
    return judge.grader(config)


def test_a_judge_that_believes_what_it_reads_is_found_out():
    """The answer that never looks at the question wins where a judge is gullible."""
    found = probed(a_judge(), answering(lambda text: "Verdict of the" in text))

    assert found["null-model"].fooled == 1.0
    assert found["empty"].fooled == 0.0
    assert found["constant"].cost_nano == 4


def test_a_judge_that_looks_at_the_question_is_not():
    found = probed(a_judge(), answering(lambda text: "Paris" in text))

    assert set(found) == set(PROBES)
    assert {each.fooled for each in found.values()} == {0.0}
    assert {each.graded for each in found.values()} == {2}


@pytest.mark.parametrize("module", [normalised, contains])
def test_graders_with_an_expectation_are_not_fooled(module):
    found = probed(module.grader(module.Config()), Judges())

    assert {each.fooled for each in found.values()} == {0.0}


def test_a_judge_that_is_away_is_not_called_incorruptible():
    found = probed(a_judge(), Judges())

    assert {each.fooled for each in found.values()} == {None}
