import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.data.shift import shifts

SEED = 7
NUMBERS = [random.Random(SEED).gauss(14, 3) for _ in range(400)]
values = st.lists(
    st.one_of(st.none(), st.integers(-5, 5), st.floats(-9, 9)), min_size=1, max_size=40
)


def moved(left, right):
    (found,) = shifts({"x": left}, {"x": right})
    return found.moved


def test_another_unit_in_a_quarter_of_the_rows_moves_a_quarter():
    other = NUMBERS[:300] + [value / 10 for value in NUMBERS[300:]]

    assert moved(NUMBERS, other) == pytest.approx(0.25, abs=0.02)


def test_swapped_labels_are_seen_though_they_are_as_frequent():
    labels = [n % 2 for n in range(100)]
    swapped = [1 - label if n < 20 else label for n, label in enumerate(labels)]
    rows = list(range(100))
    found = shifts(
        {"y": labels, "id": rows, "z": rows}, {"y": swapped, "id": rows, "z": rows}
    )

    assert (found[0].column, found[0].moved) == ("y", 0.2)


def test_missing_values_that_were_filled_in_move():
    holes = [None if n % 4 == 0 else n for n in range(200)]
    filled = [0 if value is None else value for value in holes]

    assert moved(holes, filled) >= 0.24
    assert "missing 25.0% → 0.0%" in shifts({"x": holes}, {"x": filled})[0].told


def test_texts_move_by_how_often_they_are():
    assert moved(["a"] * 8 + ["b"] * 2, ["a"] * 6 + ["c"] * 4) == pytest.approx(0.4)


@given(values, st.randoms(use_true_random=False))
def test_rows_in_another_order_move_nothing(column, chance):
    other = list(column)
    chance.shuffle(other)
    rows = [chance.random() for _ in column]
    found = {s.column: s.moved for s in shifts({"x": column}, {"x": [*other, *other]})}

    assert found["x"] == pytest.approx(0, abs=1e-9)
    assert len(rows) == len(column)


@given(values, values)
def test_a_share_is_between_none_and_all(left, right):
    assert 0 <= moved(left, right) <= 1
    assert moved(left, left) == 0
