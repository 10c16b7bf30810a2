import math

from hypothesis import example, given
from hypothesis import strategies as st

from roadbed.console import charts
from roadbed.console.data import Point
from roadbed.console.words import MINUS
from roadbed.inference.provider import Contribution, Explanation
from tests.console.sample import EXPLANATION, points

SERIES = st.lists(
    st.tuples(st.integers(0, 10**9), st.floats(0, 1)).map(
        lambda pair: Point(at_us=0, calls=pair[0], errors=int(pair[0] * pair[1]))
    ),
    max_size=60,
)


def explanation(*amounts):
    return Explanation(
        method="m",
        output_name="o",
        output=0.0,
        reference_output=0.0,
        contributions=tuple(
            Contribution(feature=f"f{i}", value=1.0, reference=0.0, amount=a)
            for i, a in enumerate(amounts)
        ),
    )


@given(SERIES)
def test_columns_stay_inside_their_chart(series):
    chart = charts.columns(series, 40)

    for column in chart.columns:
        assert 0 <= column.x <= column.x + column.width <= 100.01
        assert -0.01 <= column.y <= 40
        assert column.height >= 0
        assert (column.error_height > 0) == (column.point.errors > 0)


def test_one_error_among_many_calls_can_be_seen():
    series = [Point(at_us=0, calls=100_000, errors=1)]

    assert charts.columns(series, 40).columns[0].error_height >= 2


def test_a_chart_is_told_in_words():
    series = [Point(at_us=0, calls=3, errors=1), Point(at_us=1, calls=1, errors=0)]

    assert charts.describe(series) == "4 calls, 1 error, at most 3"
    assert charts.describe([]) == "no calls"


def test_ticks_divide_the_day_evenly():
    series = points(0, 48, 10)
    hours = [(tick - series[0].at_us) / 3_600_000_000 for tick in charts.ticks(series)]

    assert hours == [0, 6, 12, 18, 24]


@given(st.lists(st.floats(), max_size=30))
@example([5e-324])
@example([math.inf, -math.inf, math.nan])
def test_bars_begin_at_zero_and_stay_inside(amounts):
    chart = charts.contributions(explanation(*amounts))

    for bar in chart.bars:
        edge = bar.x if bar.raises else bar.x + bar.width
        assert abs(edge - chart.zero) < 0.01
        assert -0.01 <= bar.x <= bar.x + bar.width <= 100.01


def test_the_small_contributions_are_summed_and_none_is_lost():
    chart = charts.contributions(EXPLANATION)
    shown = [float(bar.text.replace(MINUS, "-")) for bar in chart.bars]
    whole = sum(c.amount for c in EXPLANATION.contributions)

    assert len(chart.bars) == 13
    assert chart.bars[-1].label == "2 others"
    assert abs(sum(shown) - whole) < 0.01
