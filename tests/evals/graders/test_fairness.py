import numpy as np
import pytest

from roadbed.evals.graders import fairness
from roadbed.testing.grader_contract import SetGraderContract, a_sample, settings


def people(group, truth, told, start=0):
    both = enumerate(zip(truth, told, strict=True))
    return [
        a_sample(w, id=f"{group}{n + start}", tags=(f"sex:{group}", "x"),
                 outputs={"label": (g,)})
        for n, (w, g) in both
    ]  # fmt: skip


def measured(found, **config):
    made = fairness.grader(fairness.Config(group="sex", positive="yes", **config))
    return {measure.name: measure for measure in made.measure(found)}


TRUTH = ["yes", "no"] * 60
FLIPPED = ["no", "no", "yes", "yes"] * 30


class TestFairness(SetGraderContract):
    module = fairness
    config = settings(group="sex", positive="yes")
    right = people("f", TRUTH, TRUTH) + people("m", TRUTH, TRUTH)
    wrong = people("f", TRUTH, FLIPPED) + people("m", TRUTH, TRUTH)


def test_gaps_of_a_known_example():
    found = measured(
        people("f", ["yes"] * 40 + ["no"] * 40, ["yes"] * 30 + ["no"] * 50)
        + people("m", ["yes"] * 40 + ["no"] * 40, ["yes"] * 50 + ["no"] * 30)
    )

    assert found["gap: selection"].value == pytest.approx(0.25)
    assert found["gap: true-positive"].value == pytest.approx(0.25)
    assert found["gap: false-positive"].value == pytest.approx(0.25)
    assert found["gap: odds"].value == pytest.approx(0.25)
    assert found["true-positive: f"].value == 0.75
    assert found["true-positive: f"].low < 0.75 < found["true-positive: f"].high


def test_a_small_group_is_not_judged():
    found = measured(people("f", TRUTH, TRUTH) + people("m", TRUTH[:10], TRUTH[:10]))

    assert found["gap: odds"].value is None
    assert "fewer than 30" in found["selection: m"].error
    assert found["selection: f"].value == 0.5


def test_the_interval_of_a_gap_holds_the_truth():
    """A planted gap of 0.2 (seed 11) is covered in at least 8 of 10 sets."""
    rng, covered = np.random.default_rng(11), 0
    for _ in range(10):

        def draw(p):
            return np.where(rng.random(150) < p, "yes", "no").tolist()

        found = measured(
            people("f", ["yes"] * 150, draw(0.5))
            + people("m", ["yes"] * 150, draw(0.7)),
            measure="selection",
        )["gap: selection"]
        covered += found.low <= 0.2 <= found.high

    assert covered >= 8


def test_without_groups_there_is_nothing_to_compare():
    found = measured([a_sample("yes", id=str(n), text="yes") for n in range(20)])

    assert "fewer than 2 groups" in found["gap: odds"].error
