import numpy as np
import pytest
from sklearn import metrics

from roadbed.evals.graders import calibration
from roadbed.testing.grader_contract import SetGraderContract, a_sample, settings


def samples(want, chances):
    both = enumerate(zip(want, chances, strict=True))
    return [
        a_sample(str(w), id=str(n), outputs={"probabilities": (c,)})
        for n, (w, c) in both
    ]


def measured(found, **config):
    made = calibration.grader(calibration.Config(**config))
    return {measure.name: measure for measure in made.measure(found)}


class TestCalibration(SetGraderContract):
    module = calibration
    right = samples([0, 1] * 12, [0.1, 0.9] * 12)
    wrong = samples([0, 1] * 12, [0.4, 0.6] * 12)


class TestError(SetGraderContract):
    module = calibration
    config = settings(measure="ece")
    right = samples([0, 1, 1, 1] * 12, [0.75] * 48)
    wrong = samples([0, 1, 1, 1] * 12, [0.5] * 48)


def test_the_brier_score_is_the_one_that_everyone_computes():
    rng = np.random.default_rng(3)
    chances = rng.random(500)
    truth = (rng.random(500) < chances).astype(int)
    found = measured(samples(truth, chances.tolist()))

    wanted = metrics.brier_score_loss(truth, chances)
    assert found["brier"].value == pytest.approx(wanted)
    assert found["ece"].value < 0.06


def test_bins_say_how_often_it_came_true():
    found = measured(
        samples([0, 0, 1, 1, 1, 0] * 10, [0.2, 0.2, 0.8, 0.8, 0.8, 0.8] * 10)
    )

    low, high = found["bin 1: said 0.200"], found["bin 2: said 0.800"]
    assert (low.value, high.value) == (0.0, 0.75)
    assert high.low < 0.75 < high.high
    assert found["ece"].value == pytest.approx((2 * 0.2 + 4 * 0.05) / 6)


def test_of_many_classes_it_is_the_likeliest():
    rows = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]] * 5
    found = measured(samples([0, 1, 2] * 5, rows))

    assert found["ece"].value == pytest.approx((0.3 + 0.4 + 0.4) / 3)


def test_the_positive_class_may_be_named():
    found = samples(["sick", "well"] * 10, [0.9, 0.2] * 10)
    right = measured(found, positive="sick")["brier"].value
    wrong = measured(found, positive="well")["brier"].value

    assert right == pytest.approx((0.01 + 0.04) / 2)
    assert wrong > 0.5
