import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.evals.graders import exact
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished


def grade(sample, **config):
    made = exact.grader(exact.Config(**config))
    return finished(made.grade(sample, Judges()))


class TestExact(GraderContract):
    module = exact
    right = a_sample("Paris", "Paris\n")
    wrong = a_sample("Paris", "paris")


@given(st.text(max_size=50), st.text(max_size=50))
def test_texts_are_equal_or_not(left, right):
    assert grade(a_sample(left, right), strip=False).value == float(left == right)


@pytest.mark.parametrize(
    ("expected", "text", "value"),
    [
        ({"a": [1, 2]}, '{"a": [1.0, 2]}', 1.0),
        (True, "1", 0.0),
        (1, "true", 0.0),
        (3, "3.0", 1.0),
        ([], "{}", 0.0),
        (["a"], "not json", 0.0),
    ],
)
def test_what_is_no_text_is_compared_as_json(expected, text, value):
    assert grade(a_sample(expected, text)).value == value


def test_one_of_several_answers_may_be_right():
    sample = a_sample(["NYC", "New York"], "New York")

    assert grade(sample, any_of=True).value == 1.0
    assert grade(sample).value == 0.0


def test_a_label_of_a_trained_model_is_compared():
    sample = a_sample(1, outputs={"label": (1,), "p": ([0.1, 0.9],)})

    assert grade(sample).value == 1.0
    assert grade(sample, output="label").value == 1.0
    assert grade(sample, output="nothing").label == "unfit"


def test_arrays_of_numpy_are_lists():
    sample = a_sample([1, 2], outputs={"y": (np.array([1, 2]),)})

    assert grade(sample).value == 1.0
    assert grade(a_sample([1, 3], outputs={"y": (np.array([1, 2]),)})).value == 0.0
    assert grade(a_sample(2, outputs={"y": (np.int64(2),)})).value == 1.0


def test_what_is_expected_may_stand_in_a_field():
    sample = a_sample({"answer": {"short": "4"}}, "4")

    assert grade(sample, expected="answer.short").value == 1.0
    assert "does not say" in grade(sample, expected="answer.long").error
