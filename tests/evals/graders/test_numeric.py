import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

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


WEIGHTS = {"t": 1e6, "kg": 1000, "g": 1}
MONEY = {"€": 1, "EUR": 1, "ct": 0.01}


@pytest.mark.parametrize(
    ("expected", "text", "units", "value"),
    [
        (1200, "It weighs 1.2 kg.", WEIGHTS, 1.0),
        ("1.2 kg", "It weighs 1,200g, packed on 3 pallets.", WEIGHTS, 1.0),
        ("1200", "It weighs 1.2 kg.", WEIGHTS, 1.0),
        (1200, "It weighs 1200.", WEIGHTS, 0.0),
        (1200, "It weighs 1.2 kgs.", WEIGHTS, 0.0),
        (12, "€12", MONEY, 1.0),
        (12, "EUR 12 for 4 people", MONEY, 1.0),
        ("12 €", "1200 ct", MONEY, 1.0),
        (-0.5, "-0.5\u20ac", MONEY, 1.0),
        (12, "a fleur 12", MONEY, 0.0),
    ],
)
def test_a_number_with_its_unit(expected, text, units, value):
    assert grade(expected, text, units=units).value == value


def test_of_numbers_without_a_unit_it_says_which_units_there_are():
    told = grade(3, "three or 3", units=WEIGHTS)

    assert told.value == 0.0
    assert "0 numbers with one of the units t, kg, g" in told.explanation


@pytest.mark.parametrize(
    "wrong",
    [
        {"units": {"kg": 0}},
        {"units": {"k g": 1}},
        {"units": {"": 1}},
        {"units": {"kg": float("inf")}},
        {"units": {"kg": 1}, "of": "date"},
    ],
)
def test_what_is_no_unit_is_refused(wrong):
    with pytest.raises(ValidationError):
        numeric.Config(**wrong)
