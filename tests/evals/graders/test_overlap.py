import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.evals.graders import overlap
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished

items = st.lists(st.sampled_from("abcdef"), max_size=6)


def grade(expected, text, **config):
    made = overlap.grader(overlap.Config(**config))
    return finished(made.grade(a_sample(expected, text), Judges()))


class TestOverlap(GraderContract):
    module = overlap
    right = a_sample(["red", "blue", "green"], "Blue, red")
    wrong = a_sample(["red", "blue", "green"], "Blue, pink")


@given(items, items)
def test_measures_stay_between_0_and_1_and_f1_is_symmetric(left, right):
    there, back = overlap.measures(left, right), overlap.measures(right, left)

    assert all(0 <= value <= 1 for value in there.values())
    assert there["f1"] == back["f1"]
    assert there["precision"] == back["recall"] or not (left and right)


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1))
def test_a_list_turned_round_has_one_item_in_order(items):
    ordered = overlap.measures(items, items[::-1])["ordered"]

    assert ordered == pytest.approx(1 / len(items))
    assert overlap.measures(items, items)["ordered"] == 1.0


@pytest.mark.parametrize(
    ("measure", "value"),
    [("f1", 0.5), ("precision", 0.5), ("recall", 0.5), ("jaccard", 1 / 3)],
)
def test_each_measure(measure, value):
    assert grade(["a", "b"], '["a", "c"]', measure=measure).value == pytest.approx(
        value
    )


def test_a_list_may_stand_in_a_field_or_on_lines():
    assert grade(["a", "b"], '{"x": {"tags": ["b", "a"]}}', field="x.tags").value == 1.0
    assert grade(["a", "b"], "- a\n- b\n").value == 1.0
    assert grade(["a", "b"], '{"x": 1}', field="x").label == "unfit"


def test_repeats_count_if_they_should():
    assert grade(["a"], '["a", "a"]').value == 1.0
    assert grade(["a"], '["a", "a"]', repeats=True).value == pytest.approx(2 / 3)
