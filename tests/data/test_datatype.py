import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.data.datatype import check_names, of_values

DAY = dt.date(2026, 11, 20)


@pytest.mark.parametrize(
    ("values", "datatype"),
    [
        ([1, None, 2], "BIGINT"),
        ([1, 0.5], "DOUBLE"),
        ([True, False], "BOOLEAN"),
        (["x", None], "VARCHAR"),
        ([b"x"], "BLOB"),
        ([DAY], "DATE"),
        ([dt.datetime(2026, 11, 20)], "TIMESTAMP"),
        ([dt.datetime(2026, 11, 20, tzinfo=dt.UTC)], "TIMESTAMP WITH TIME ZONE"),
        ([None, None], "VARCHAR"),
        ([], "VARCHAR"),
    ],
)
def test_a_column_has_the_type_of_its_values(values, datatype):
    assert of_values("a", values) == datatype


@pytest.mark.parametrize("values", [[1, "x"], [True, 1], [DAY, 1.5], [b"x", "x"]])
def test_a_mixture_is_refused_and_the_column_named(values):
    with pytest.raises(Invalid, match="column 'age' mixes"):
        of_values("age", values)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, object(), 1j, [1]])
def test_what_a_column_cannot_hold_is_refused(value):
    with pytest.raises(Invalid, match="column 'age' holds"):
        of_values("age", [value])


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_64_bit_number_fits(number):
    assert of_values("a", [number]) == "BIGINT"


@pytest.mark.parametrize("names", [[], [""], ["  "], [1], ["a", "a"], ["Ä", "ä"]])
def test_names_are_texts_and_differ_in_more_than_case(names):
    with pytest.raises(Invalid):
        check_names(names)
