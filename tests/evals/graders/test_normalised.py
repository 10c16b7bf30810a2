import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.evals.graders import normalised
from roadbed.evals.graders._texts import normal
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished


def value(expected, text, **config):
    made = normalised.grader(normalised.Config(**config))
    return finished(made.grade(a_sample(expected, text), Judges())).value


class TestNormalised(GraderContract):
    module = normalised
    right = a_sample("The answer, is: PARIS", "the answer is paris!")
    wrong = a_sample("Paris", "London")


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("file", "\ufb01le"),
        ("abc", "\uff41\uff42\uff43"),
        ("straße", "STRASSE"),
        ("a b", " a\u00a0\u200b b\n"),
        ("caf\u00e9", "cafe\u0301"),
        ("yes", "«Yes!»"),
    ],
)
def test_the_same_to_a_reader_is_the_same(expected, text):
    assert value(expected, text) == 1.0


@given(st.text(max_size=60))
def test_what_is_normal_stays_as_it_is(text):
    once = normal(text)

    assert normal(once) == once


def test_only_the_steps_that_are_asked_for_are_taken():
    assert value("Paris", "paris", steps=["whitespace"]) == 0.0
    assert value("cafe", "Café") == 0.0
    assert value("cafe", "Café", steps=["case", "accents"]) == 1.0
    assert value("Eiffel Tower", "the Eiffel Tower", steps=["articles"]) == 1.0
