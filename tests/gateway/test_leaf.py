"""The quick leaf is the canonical leaf."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from roadbed.gateway.leaf import leaf_of
from roadbed.inference.record import leaf_bytes
from roadbed.testing.history_contract import a_record, any_records


@settings(max_examples=300, deadline=None)
@given(any_records())
def test_the_quick_leaf_is_the_canonical_leaf(record):
    assert leaf_of(record) == leaf_bytes(record)


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.floats(-1e16, 1e16), st.floats(allow_nan=False, width=64)))
def test_numbers_are_spelt_as_ecmascript_spells_them(number):
    assume(math.isfinite(number))
    record = a_record(num={"x": number}, prediction={"y": 1 / (1 + abs(number))})

    assert leaf_of(record) == leaf_bytes(record)


@pytest.mark.parametrize(
    "number",
    [0.0, -0.0, 1e15, 1e16, 1e21, 1e-4, 1e-5, 1e-6, 1e-7, 5e-324, 1.7e308, 2.0**53],
)
def test_numbers_at_the_borders_are_spelt_alike(number):
    record = a_record(num={"x": number, "-x": -number})

    assert leaf_of(record) == leaf_bytes(record)
