"""What a comparison comes to, for people and for a gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.intervals import mean
from roadbed.evals.statistics.multiplicity import conclude_slices, holm, share
from roadbed.evals.statistics.paired import Comparison, Pair, compare
from roadbed.evals.statistics.verdict import conclude, judge

ENDS = st.tuples(*[st.floats(-1, 1, allow_nan=False)] * 3).map(sorted)


def found(low, value, high, p=0.5):
    return Comparison(
        difference=value, low=low, high=high, p=p, n=100, clusters=100, method="t"
    )


def negated(comparison):
    return found(-comparison.high, -comparison.difference, -comparison.low)


@pytest.mark.parametrize(
    ("ends", "verdict", "outcome"),
    [
        ((0.01, 0.02, 0.03), "better", "passed"),
        ((-0.04, 0.01, 0.06), "no difference shown", "passed"),
        ((-0.06, 0.01, 0.08), "inconclusive", "inconclusive"),
        ((-0.09, -0.06, -0.03), "worse", "failed"),
        ((-0.04, -0.03, -0.02), "worse", "passed"),
        ((-0.05, -0.02, 0.01), "inconclusive", "inconclusive"),
    ],
)
def test_the_interval_decides(ends, verdict, outcome):
    assert conclude(found(*ends), "higher", 0.05) == verdict
    assert judge(tolerance=0.05, comparison=found(*ends)).outcome == outcome


@given(ENDS, st.floats(0.001, 0.5))
def test_lower_is_better_is_the_mirror_image(ends, tolerance):
    one, other = found(*ends), negated(found(*ends))
    lower = judge(direction="lower", tolerance=tolerance, comparison=other)

    assert conclude(one, "higher", tolerance) == conclude(other, "lower", tolerance)
    assert lower.outcome == judge(tolerance=tolerance, comparison=one).outcome


@given(ENDS, st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_who_tolerates_more_never_fails_what_passed(ends, tolerance, more):
    before = judge(tolerance=tolerance, comparison=found(*ends)).outcome
    after = judge(tolerance=tolerance + more, comparison=found(*ends)).outcome

    assert before != "passed" or after == "passed"
    assert after != "failed" or before == "failed"


def test_nothing_to_look_at_is_never_passed():
    nothing = compare([])

    assert conclude(nothing) == "inconclusive"
    assert judge(tolerance=0.1, comparison=nothing).outcome == "inconclusive"
    assert judge(tolerance=0.1).outcome == "inconclusive"
    assert judge(floor=0.1, score=mean([])).outcome == "inconclusive"
    assert judge(floor=0.1).outcome == "inconclusive"
    assert judge().sentence == "there is no bar to clear"


@pytest.mark.parametrize(
    ("passed", "direction", "floor", "outcome"),
    [
        (100, "higher", 0.9, "passed"),
        (93, "higher", 0.9, "inconclusive"),
        (80, "higher", 0.9, "failed"),
        (0, "lower", 0.1, "passed"),
        (20, "lower", 0.1, "failed"),
    ],
)
def test_a_floor_asks_for_the_whole_interval(passed, direction, floor, outcome):
    score = mean([1] * passed + [0] * (100 - passed), binary=True)

    assert judge(direction=direction, floor=floor, score=score).outcome == outcome


def test_a_floor_of_one_says_that_no_number_of_cases_shows_it():
    sentence = judge(floor=1, score=mean([1] * 50, binary=True)).sentence

    assert "no number of cases shows 1" in sentence


@pytest.mark.parametrize(
    ("low", "passed", "outcome"),
    [
        (-0.01, 100, "passed"),
        (-0.2, 100, "inconclusive"),
        (-0.01, 50, "failed"),
        (-0.2, 50, "failed"),
    ],
)
def test_with_both_bars_one_failure_fails_and_both_have_to_pass(low, passed, outcome):
    score = mean([1] * passed + [0] * (100 - passed), binary=True)
    both = judge(tolerance=0.05, floor=0.9, comparison=found(low, 0, 0.1), score=score)

    assert both.outcome == outcome
    assert both.sentence.count(";") >= 1


def test_the_sentence_says_how_sure_and_what_would_help():
    pairs = [Pair(1, 1)] * 180 + [Pair(1, 0)] * 12 + [Pair(0, 1)] * 8
    unsure = judge(tolerance=0.05, comparison=compare(pairs, binary=True)).sentence
    fallen = compare([Pair(1, 1)] * 80 + [Pair(1, 0)] * 20, binary=True)
    sure = judge(tolerance=0.05, comparison=fallen).sentence

    assert "at 95 % confidence it may be 0.0679 worse" in unsure
    assert "about 510 such cases are needed to pass it" in unsure
    assert "worse by 0.2, at 95 % confidence by at least 0.13" in sure
    assert "p < 0.001 (100 cases; McNemar mid-p, Tango)" in sure


def test_holm_is_what_holm_wrote():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_is_between_nothing_and_bonferroni(ps):
    adjusted = holm(ps)

    for p, q in zip(ps, adjusted, strict=True):
        assert p <= q <= min(1.0, p * len(ps)) or q == max(adjusted)
    assert [q for _, q in sorted(zip(ps, adjusted, strict=True))] == sorted(adjusted)


def test_a_slice_needs_more_than_one_lucky_draw():
    slices = {f"tag{i}": found(-0.02, 0.03, 0.08, 0.5) for i in range(9)}
    slices |= {"lucky": found(0.001, 0.05, 0.1, 0.03)}
    slices |= {"fallen": found(-0.3, -0.2, -0.1, 0.0001)}
    verdicts = conclude_slices(slices, "higher", 0.05)

    assert conclude(slices["lucky"]) == "better"
    assert verdicts["lucky"] == ("no difference shown", pytest.approx(0.3))
    assert verdicts["fallen"][0] == "worse"


def test_the_error_rate_is_shared():
    assert share(0.05, 5) == pytest.approx(0.01)
    with pytest.raises(Invalid):
        share(0.05, 0)
