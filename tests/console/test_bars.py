"""Histograms count every row once, and draw shares of each side."""

from hypothesis import given
from hypothesis import strategies as st

from roadbed.console.custody.bars import HEIGHT, histogram
from roadbed.data.diff import ColumnDiff
from roadbed.ports.tables import Bins, Profile

COUNTS = st.lists(st.integers(0, 10**9), min_size=2, max_size=20)


def profile(counts, nulls, **more):
    return Profile(rows=sum(counts) + nulls, nulls=nulls, **more)


def numbers(left, right, nulls=(0, 0)):
    """Return a column of numbers with these counts in as many bars."""
    edges = tuple(float(n) for n in range(len(left) - 1))
    bars = [Bins(edges=edges, counts=tuple(c)) for c in (left, right)]
    return ColumnDiff(
        name="size",
        datatype="DOUBLE",
        left=profile(left, nulls[0]),
        right=profile(right, nulls[1]),
        bars_left=bars[0],
        bars_right=bars[1],
    )


@given(COUNTS, st.integers(0, 10**6), st.data())
def test_shares_of_a_side_are_all_of_it_and_bars_are_inside(left, nulls, data):
    size = len(left)
    right = data.draw(st.lists(st.integers(0, 10**9), min_size=size, max_size=size))
    drawn = histogram(numbers(left, right, (nulls, 0)))
    for which, counts in (("left", left), ("right", right)):
        sides = [getattr(each, which) for each in drawn.bins]
        total = sum(counts) + (nulls if which == "left" else 0)

        assert sum(s.count for s in sides) == total
        assert abs(sum(s.share for s in sides) - (1 if total else 0)) < 1e-9
        for s in sides:
            assert 0 <= s.x <= s.x + s.width <= 100.01
            assert 0 <= s.height <= HEIGHT
            assert bool(s.height) == bool(s.count)


def test_numbers_are_labelled_by_their_edges_and_the_missing_apart():
    drawn = histogram(numbers([1, 2, 3], [3, 2, 1], (2, 0)))

    assert [b.label for b in drawn.bins] == ["up to 0", "0 to 1", "above 1", "missing"]
    assert [b.missing for b in drawn.bins] == [False, False, False, True]
    assert drawn.ordered
    assert "most moved" in drawn.words


def test_without_missing_values_there_is_no_such_bin():
    assert len(histogram(numbers([1, 2], [2, 1])).bins) == 2


def test_words_are_counted_by_value_and_the_rest():
    tops = (("red", 5), ("blue", 3))
    column = ColumnDiff(
        name="colour",
        datatype="VARCHAR",
        left=profile([5, 3, 2], 0, top=tops),
        right=profile([2, 3, 5], 0, top=tops),
        bins_left=Bins(edges=("red", ""), counts=(5, 3, 2)),
        bins_right=Bins(edges=("red", ""), counts=(2, 3, 5)),
    )
    drawn = histogram(column)

    assert [b.label for b in drawn.bins] == ["red", "(empty)", "others"]
    assert not drawn.ordered
    assert drawn.words == "colour: distance 0.000; most moved red, from 50.0% to 20.0%"


def test_values_that_there_are_none_of_take_no_line():
    column = ColumnDiff(
        name="colour",
        datatype="VARCHAR",
        left=profile([5, 0], 3),
        right=profile([4, 0], 0),
        bins_left=Bins(edges=("missing",), counts=(5, 0)),
        bins_right=Bins(edges=("missing",), counts=(4, 0)),
    )
    drawn = histogram(column)

    assert [(b.label, b.left.count, b.missing) for b in drawn.bins] == [
        ("missing", 5, False),
        ("missing", 3, True),
    ]


def test_a_column_of_one_side_is_drawn_with_that_side():
    column = ColumnDiff(
        name="new",
        datatype="DOUBLE",
        right=profile([4, 6], 0),
        bars_right=Bins(edges=(1.0,), counts=(4, 6)),
    )
    drawn = histogram(column)

    assert [b.left for b in drawn.bins] == [None, None]
    assert [b.right.count for b in drawn.bins] == [4, 6]
    assert drawn.words.endswith("on one side only")
