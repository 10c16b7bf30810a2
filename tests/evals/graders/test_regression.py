import numpy as np
import pytest
from sklearn import metrics

from roadbed.evals.graders import regression
from roadbed.testing.grader_contract import SetGraderContract, a_sample, settings


def samples(want, got):
    both = enumerate(zip(want, got, strict=True))
    return [a_sample(w, id=str(n), outputs={"y": (g,)}) for n, (w, g) in both]


def measured(found, **config):
    made = regression.grader(regression.Config(**config))
    return {measure.name: measure for measure in made.measure(found)}


class TestRegression(SetGraderContract):
    module = regression
    right = samples(range(12), range(12))
    wrong = samples(range(12), range(1, 13))


class TestR2(SetGraderContract):
    module = regression
    config = settings(measure="r2")
    right = samples(range(12), [n + 0.5 for n in range(12)])
    wrong = samples(range(12), [5.5] * 12)


def test_the_measures_are_those_that_everyone_computes():
    rng = np.random.default_rng(5)
    want = rng.normal(10, 3, 200)
    got = want + rng.normal(0.5, 1, 200)
    found = measured(samples(want.tolist(), got.tolist()))

    assert found["mae"].value == pytest.approx(metrics.mean_absolute_error(want, got))
    assert found["rmse"].value == pytest.approx(
        metrics.root_mean_squared_error(want, got)
    )
    assert found["r2"].value == pytest.approx(metrics.r2_score(want, got))
    assert found["signed-bias"].value == pytest.approx((got - want).mean())
    for measure in found.values():
        assert measure.low < measure.value < measure.high


def test_saying_nothing_does_not_pay():
    found = samples(range(20), range(20))
    found[3] = a_sample(3, "who knows", id="3")

    assert "5.0% of the answers" in measured(found)["mae"].error
    assert measured(found, missing=0.1)["mae"].value == 0.0


def test_of_one_value_nothing_is_explained():
    found = measured(samples([4] * 12, range(12)))

    assert found["r2"].value is None
    assert found["mae"].value is not None
