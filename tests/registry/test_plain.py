import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from roadbed.core.digest import canonical
from roadbed.core.errors import Invalid
from roadbed.registry.plain import metric, plain

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(ANYTHING)
def test_anything_can_be_recorded_and_stays_what_it_became(value):
    once = plain(value)

    assert json.loads(canonical(once)) == once
    assert plain(once) == once


def test_values_of_numpy_become_plain_numbers():
    value = {"alpha": np.float32(0.5), "depth": np.int64(3), "grid": np.arange(2)}

    assert plain(value) == {"alpha": 0.5, "depth": 3, "grid": [0, 1]}


def test_what_json_cannot_hold_is_kept_as_text():
    assert plain([float("nan"), float("-inf"), 2**60]) == [
        "NaN",
        "-Infinity",
        "1152921504606846976",
    ]


def test_an_object_is_kept_by_its_repr_without_its_address():
    assert plain(Ridge(alpha=2)) == "Ridge(alpha=2)"
    assert plain(object()) == "<object object>"


@pytest.mark.parametrize("value", ["0.9", None, [1], {"a": 1}])
def test_a_metric_is_a_number(value):
    with pytest.raises(Invalid, match="metric 'accuracy'"):
        metric("accuracy", value)


def test_metrics_may_diverge():
    assert metric("loss", np.float64("inf")) == float("inf")
