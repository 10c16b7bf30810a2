"""Curves stay inside their picture, whatever was logged."""

import math

from hypothesis import given
from hypothesis import strategies as st

from roadbed.console.custody.lines import ACROSS, HEIGHT, MOST, Series, plot

ANY = st.floats(allow_nan=True, allow_infinity=True)
STEPS = st.integers(-(10**12), 10**12)
SERIES = st.lists(
    st.lists(st.tuples(STEPS.map(float), ANY), max_size=30).map(
        lambda values: Series(label="run", values=tuple(sorted(values, key=first)))
    ),
    max_size=MOST + 2,
)


def first(value):
    return value[0]


@given(SERIES)
def test_every_point_is_inside_and_steps_go_on(series):
    drawn = plot("loss", series)
    for curve in drawn.curves:
        for piece in curve.pieces:
            across = [x for x, _ in piece]

            assert across == sorted(across)
            assert all(0 <= x <= ACROSS and 0 <= y <= HEIGHT for x, y in piece)


@given(SERIES)
def test_no_value_is_lost_but_those_that_are_no_numbers(series):
    drawn = plot("loss", series)
    shown = [sum(len(p) for p in curve.pieces) for curve in drawn.curves]

    assert shown == [
        sum(math.isfinite(y) for _, y in each.values) for each in series[:MOST]
    ]


def test_a_larger_value_is_drawn_higher():
    ((low, high),) = (
        plot("m", [Series(label="", values=((0, 1), (1, 2)))]).curves[0].pieces
    )

    assert low[1] > high[1]
    assert (low[0], high[0]) == (0, ACROSS)


def test_a_gap_is_left_where_there_is_no_number():
    values = ((0.0, 1.0), (1.0, math.nan), (2.0, 3.0), (3.0, 4.0))
    (curve,) = plot("loss", [Series(label="a", values=values)]).curves

    assert [len(piece) for piece in curve.pieces] == [1, 2]
    assert curve.points[0] == "0,134 0,134"  # a dot: from a point to itself


def test_what_is_always_the_same_is_in_the_middle():
    (curve,) = plot("lr", [Series(label="a", values=((0, 5), (9, 5)))]).curves

    assert {y for _, y in curve.pieces[0]} == {HEIGHT / 2}


def test_each_curve_looks_different_and_the_words_tell_all():
    series = [Series(label=f"{n} fit", values=((0, n), (1, n / 2))) for n in (1, 2, 3)]
    drawn = plot("loss", series)

    assert [curve.look for curve in drawn.curves] == [0, 1, 2]
    assert drawn.words.startswith("loss: 1 fit: 2 values, the last 0.5; 2 fit")
    assert plot("loss", []).words == "loss: no values"
