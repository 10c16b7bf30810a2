import random
from dataclasses import asdict

import pytest
from pydantic import ValidationError

from roadbed.evals.drawing import margin_of, probability
from roadbed.evals.kinds import Evaluation, Online
from roadbed.evals.quality import (
    Estimate,
    Graded,
    estimate,
    gap,
    quality,
    reported,
)
from roadbed.evals.statistics.intervals import mean
from tests.evals.test_feedback import record


def online(**given):
    return Online.model_validate(given)


def graded(value, p=1.0, at=0, model="m@1"):
    return Graded(grader="exact", model=model, called_us=at, value=value, probability=p)


@pytest.mark.parametrize(
    ("facts", "given", "p"),
    [
        ({}, {"rate": 0.1}, 0.1),
        ({"finish": "length"}, {"rates": {"finish=length": 0.5}}, 0.5),
        ({"finish": "stop"}, {"rates": {"finish=length": 0.5}}, 0.01),
        ({"cache": "hit"}, {"rate": 0.5, "rates": {"cache=hit": 0}}, 0.0),
        ({"model": "m@3"}, {"rates": {"model=m@3": 0.2, "model=m": 0.1}}, 0.2),
        ({"model": "m@4"}, {"rates": {"model=m@3": 0.2, "model=m": 0.1}}, 0.1),
        ({"labels": {"team": "a"}}, {"rates": {"label.team=a": 1}}, 1.0),
        (
            {"prediction": {"p[0]": 0.55, "p[1]": 0.45}},
            {"uncertain": {"below": 0.2, "rate": 0.9}},
            0.9,
        ),
        (
            {"prediction": {"p[0]": 0.95, "p[1]": 0.05}},
            {"uncertain": {"below": 0.2, "rate": 0.9}},
            0.01,
        ),
    ],
)
def test_how_likely_a_call_is_drawn_follows_from_its_record(facts, given, p):
    assert probability(record(**facts), online(**given)) == p


def test_a_margin_is_between_the_two_most_likely():
    assert margin_of({"p[0]": 0.2, "p[1]": 0.5, "p[2]": 0.3}) == pytest.approx(0.2)
    assert margin_of({"probability": 0.9}) == pytest.approx(0.8)
    assert margin_of({"price": 0.9}) is None
    assert margin_of({"x[0]": 3.0, "x[1]": -2.0}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0},
        {"rates": {"status": 0.1}},
        {"rates": {"weather=bad": 0.1}},
        {"rates": {"finish=length": 2}},
        {"graders": ["other"]},
    ],
)
def test_what_cannot_be_drawn_by_is_refused(wrong):
    spec = {
        "endpoint": "bot",
        "cases": {"dataset": "tea@1"},
        "graders": [{"name": "exact", "grader": "exact"}],
        "blocking": "never",
        "online": wrong,
    }
    with pytest.raises(ValidationError):
        Evaluation.model_validate(spec)


def test_what_is_drawn_more_often_does_not_count_for_more():
    """Truth is .9: complaints (.5 right, drawn always) are a tenth of the calls."""
    seed = 7
    chance = random.Random(seed)
    inside = biased = 0
    worlds = 200
    for _ in range(worlds):
        rows = []
        for _ in range(1000):
            complaint = chance.random() < 0.1
            right = chance.random() < (0.5 if complaint else 0.9444)
            p = 1.0 if complaint else 0.1
            if chance.random() < p:
                rows.append(graded(float(right), p))
        found = estimate(rows)
        inside += found.low <= 0.9 <= found.high
        plain = estimate([graded(r.value) for r in rows])
        biased += plain.low <= 0.9 <= plain.high
    print(
        f"seed {seed}: {inside / worlds:.3f} inside, unweighted {biased / worlds:.3f}"
    )
    assert inside / worlds >= 0.92
    assert biased / worlds < 0.2


def test_an_interval_of_scores_covers_the_mean():
    seed = 11
    chance = random.Random(seed)
    inside = 0
    worlds = 150
    for _ in range(worlds):
        rows = []
        for _ in range(40):
            p = chance.choice([0.05, 0.5])
            rows.append(graded(chance.betavariate(8, 2), p))
        found = estimate(rows)
        inside += found.low <= 0.8 <= found.high
    print(f"seed {seed}: {inside / worlds:.3f}")
    assert inside / worlds >= 0.91


def test_quality_is_by_grader_version_and_step():
    rows = [
        graded(1.0, at=5),
        graded(0.0, at=9),
        graded(None, at=9),
        graded(1.0, at=15),
        graded(1.0, at=15, model="m@2"),
    ]
    found = quality(rows, 10)

    assert [(q.model, q.since_us, q.estimate.n) for q in found] == [
        ("m@1", 0, 2),
        ("m@1", 10, 1),
        ("m@2", 10, 1),
    ]
    first = found[0].estimate
    assert (first.value, first.missing) == (0.5, 1)
    assert 0 < first.low < 0.5 < first.high < 1


def test_too_little_is_told_as_such():
    assert estimate([graded(None)]).value is None
    one = estimate([graded(0.5)])
    assert one.value == 0.5
    assert one.high - one.low > 0.8  # On a scale that ends, one case is known so far.
    wide = estimate([graded(50.0)])
    assert (wide.value, wide.low, wide.high) == (50.0, None, None)


def test_a_report_at_another_confidence_is_compared_at_95():
    said = asdict(mean([0.0, 1.0] * 500, binary=True, alpha=0.01))
    plain = mean([0.0, 1.0] * 500, binary=True)
    found = reported(said)

    assert (found.value, found.n, found.effective) == (0.5, 1000, 1000.0)
    assert found.low == pytest.approx(plain.low, abs=2e-4)
    assert found.high == pytest.approx(plain.high, abs=2e-4)


def test_without_the_extra_there_is_a_value_and_no_interval(monkeypatch):
    monkeypatch.setattr("roadbed.evals.quality.ready", lambda: False)
    found = estimate([graded(1.0), graded(0.0)])
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_the_gap_between_report_and_production():
    report = Estimate(value=0.9, low=0.85, high=0.94, n=200, effective=200)
    live = Estimate(value=0.8, low=0.76, high=0.83, n=500, effective=300)
    found = gap(report, live)

    assert found.value == pytest.approx(-0.1)
    assert found.low < -0.1 < found.high < 0
    unknown = Estimate(value=None, low=None, high=None, n=0, effective=0)
    assert gap(report, unknown).value is None
