"""Tensors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.inference.tensor import DATATYPES, from_bytes, from_values

integers = st.lists(st.integers(-128, 127), min_size=1, max_size=20)


@given(integers, st.sampled_from(["INT8", "INT16", "INT32", "INT64", "FP32", "FP64"]))
def test_values_pack_and_read_back(values, datatype):
    tensor = from_values("x", datatype, [len(values)], values)

    assert tensor.values() == values
    assert from_bytes("x", datatype, [len(values)], tensor.data) == tensor


@given(st.lists(st.text(), max_size=8))
def test_texts_pack_and_read_back(values):
    tensor = from_values("x", "BYTES", [len(values)], values)

    assert tensor.values() == values
    assert from_bytes("x", "BYTES", [len(values)], tensor.data) == tensor


def test_nested_data_is_flattened_row_by_row():
    tensor = from_values("x", "FP32", [2, 2], [[1, 2], [3, 4]])

    assert tensor.values() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("datatype", "shape", "values"),
    [
        ("FP32", [3], [1, 2]),
        ("FP32", [-1], [1]),
        ("FP32", [2, 2], [[1, 2], 3]),
        ("FP32", [1], ["a"]),
        ("FP32", [1], [True]),
        ("FP32", [1], [None]),
        ("FP32", [1], "1"),
        ("INT8", [1], [300]),
        ("UINT8", [1], [-1]),
        ("INT32", [1], [1.5]),
        ("BOOL", [1], [1]),
        ("BYTES", [1], [1]),
        ("FP99", [1], [1]),
        ("FP32", [10**6, 10**6], []),
        ("FP16", [1], [1e9]),
    ],
)
def test_what_does_not_fit_is_refused_by_name(datatype, shape, values):
    with pytest.raises(Invalid, match="input 'x'"):
        from_values("x", datatype, shape, values)


@given(
    st.sampled_from(sorted(DATATYPES)),
    st.lists(st.integers(-2, 4), max_size=3),
    st.binary(max_size=64),
)
def test_any_bytes_give_a_tensor_or_a_clear_refusal(datatype, shape, data):
    try:
        tensor = from_bytes("x", datatype, shape, data)
    except Invalid as refusal:
        assert "input 'x'" in refusal.message
    else:
        assert tensor.data == data
