import pytest

from roadbed.evals.graders import contains
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished


def grade(expected, text, **config):
    made = contains.grader(contains.Config(**config))
    return finished(made.grade(a_sample(expected, text), Judges()))


class TestContains(GraderContract):
    module = contains
    right = a_sample(["refund", "14 days"], "A refund is due within 14  days.")
    wrong = a_sample(["refund", "14 days"], "A refund is due.")


@pytest.mark.parametrize(("need", "value"), [("all", 0.0), ("any", 1.0), ("none", 0.0)])
def test_all_any_or_none_must_be_there(need, value):
    assert grade(["cat", "dog"], "A cat.", need=need).value == value


def test_what_is_missing_is_said():
    assert grade(["cat", "dog"], "A cat.").explanation == 'missing ["dog"]'


def test_a_part_of_a_word_is_no_word():
    assert grade("cat", "concatenate", whole_words=True).value == 0.0
    assert grade("cat", "a (cat)", whole_words=True).value == 1.0
    assert grade("cat", "concatenate").value == 1.0


def test_texts_of_the_settings_are_for_every_case():
    assert grade(None, "As an AI, I", texts=["as an ai"], need="none").value == 0.0
