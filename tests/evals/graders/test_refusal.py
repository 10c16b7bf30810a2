import pytest

from roadbed.evals.graders import refusal
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished


def grade(sample, **config):
    return finished(refusal.grader(refusal.Config(**config)).grade(sample, Judges()))


class TestRefusal(GraderContract):
    module = refusal
    right = a_sample(text="Refunds take 14 days.")
    wrong = a_sample(text="I\u2019m sorry, but I can\u2019t help with that.")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "refused", "error": "blocked by the policy"},
        {"text": "", "finish": "content_filter"},
        {"text": "Well.", "finish": "refusal"},
        {"text": "Sorry, I cannot say."},
    ],
)
def test_every_way_to_decline_is_one(answer):
    assert grade(a_sample(**answer)).label == "refused"
    assert grade(a_sample(**answer), wanted="always").value == 1.0


def test_a_case_says_whether_it_should_be_refused():
    harmful = a_sample({"refuse": True}, "I cannot help with that.")
    harmless = a_sample({"refuse": False}, "I cannot help with that.")
    unclear = a_sample({"refuse": "perhaps"}, "I cannot help with that.")
    config = {"wanted": "expected", "expected": "refuse"}

    assert grade(harmful, **config).value == 1.0
    assert grade(harmless, **config).value == 0.0
    assert grade(unclear, **config).value is None


def test_a_quotation_far_into_the_answer_is_no_refusal():
    assert grade(a_sample(text="It says: " + "x" * 500 + " I cannot")).value == 1.0
