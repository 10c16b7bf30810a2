import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.evals.graders import numeric
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)


def grade(expected, text, **config):
    made = numeric.grader(numeric.Config(**config))
    return finished(made.grade(a_sample(expected, text), Judges()))


class TestNumeric(GraderContract):
    module = numeric
    config = settings(relative=0.01)
    right = a_sample(1234.5, "So the total is $1,230.00.")
    wrong = a_sample(1234.5, "So the total is $1,200.00.")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_itself(number):
    assert grade(number, f"it is {number!r}").value == 1.0


@pytest.mark.parametrize(
    ("expected", "text", "value"),
    [
        (0.12, "12%", 1.0),
        (-3, "\u22123", 1.0),
        ("1,000", "1000", 1.0),
        (5, "five", 0.0),
        (2, "1 + 1 = 2", 1.0),
        (0.5, ".5", 1.0),
    ],
)
def test_numbers_as_people_write_them(expected, text, value):
    assert grade(expected, text).value == value


def test_which_number_counts():
    assert grade(1, "1 or 2", which="first").value == 1.0
    assert grade(1, "1 or 2", which="only").value == 0.0


def test_the_larger_tolerance_counts():
    assert grade(100, "104", absolute=5, relative=0.01).value == 1.0
    assert grade(100, "106", absolute=5, relative=0.01).value == 0.0


def test_dates_may_be_days_off():
    assert grade("2026-03-01", "On 2026-02-28.", of="date", absolute=1).value == 1.0
    assert grade("2026-03-01", "On 2026-02-27.", of="date", absolute=1).value == 0.0
    same = grade("2026-03-01T12:00Z", "2026-03-01T14:00+02:00", of="date")
    assert same.value == 1.0
    assert grade("2026-03-01", "2026-13-45", of="date").value == 0.0


def test_an_expectation_that_is_no_number_cannot_be_graded():
    assert "what is expected is no number" in grade("many", "3").error


def test_a_trained_models_output_is_a_number_already():
    made = numeric.grader(numeric.Config(absolute=0.5))
    sample = a_sample(3.0, outputs={"y": ([3.2],)})

    assert finished(made.grade(sample, Judges())).value == 1.0
