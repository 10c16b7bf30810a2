from roadbed.evals.graders import cost
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)


class TestCost(GraderContract):
    module = cost
    right = a_sample(text="x", cost_nano=1_000)
    wrong = a_sample(text="x", cost_nano=2_000)


class TestLimit(GraderContract):
    module = cost
    config = settings(at_most=0.000_002)
    right = a_sample(text="x", cost_nano=2_000)
    wrong = a_sample(text="x", cost_nano=2_001)


def test_dollars_are_said_to_the_last_billionth():
    made = cost.grader(cost.Config())
    grade = finished(made.grade(a_sample(cost_nano=1_234_567_891), Judges()))

    assert grade.value == 1.234567891
    assert grade.explanation == "$1.234567891"
    assert not made.binary
