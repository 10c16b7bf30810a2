import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.evals.graders import json_fields
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def grade(expected, got, **config):
    made = json_fields.grader(json_fields.Config(**config))
    return finished(made.grade(a_sample(expected, json.dumps(got)), Judges()))


class TestJsonFields(GraderContract):
    module = json_fields
    right = a_sample({"a": 1, "b": {"c": "x"}}, '{"a": 1, "b": {"c": "x"}}')
    wrong = a_sample({"a": 1, "b": {"c": "x"}}, '{"a": 1, "b": {"c": "y"}}')


@given(plain.filter(lambda value: value is not None))
def test_a_value_is_itself(value):
    assert grade(value, value).value == 1.0
    assert grade(value, value, lists="any-order").value == 1.0


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(), min_size=1), st.data())
def test_one_changed_field_costs_its_share(value, data):
    name = data.draw(st.sampled_from(sorted(value)))
    told = grade(value, value | {name: "other"})

    assert told.value == pytest.approx(1 - 1 / len(value))
    assert [each["path"] for each in told.detail["differences"]] == [name]


def test_a_field_too_many_is_wrong_unless_it_is_ignored():
    assert grade({"a": 1}, {"a": 1, "b": 2}).value == 0.5
    assert grade({"a": 1}, {"a": 1, "b": 2}, extra="ignored").value == 1.0


def test_paths_are_ignored_and_weighed():
    wanted, got = {"a": [{"t": 1, "v": 2}]}, {"a": [{"t": 9, "v": 2}]}

    assert grade(wanted, got, ignore=["a.*.t"]).value == 1.0
    assert grade(wanted, got, weights={"a.*.t": 3}).value == 0.25


def test_numbers_and_texts_may_be_near():
    assert grade({"x": 100, "t": "Hi"}, {"x": 101, "t": "hi!"}).value == 0.0
    near = grade(
        {"x": 100, "t": "Hi"},
        {"x": 101, "t": "hi!"},
        tolerance=0.01,
        texts="normalised",
    )
    assert near.value == 1.0


def test_the_order_of_a_list_may_not_count():
    assert grade([1, {"a": 2}], [{"a": 2}, 1]).value == 0.0
    assert grade([1, {"a": 2}], [{"a": 2}, 1], lists="any-order").value == 1.0


def test_true_is_not_one():
    assert grade({"a": True}, {"a": 1}).value == 0.0
