import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from roadbed.evals.graders import classification
from roadbed.testing.grader_contract import (
    SetGraderContract,
    a_sample,
    settings,
)


def samples(truth, told, chances=None, **case):
    rows = [None] * len(truth) if chances is None else chances
    made = []
    for n, (want, got, row) in enumerate(zip(truth, told, rows, strict=True)):
        outputs = {"label": (got,)}
        if row is not None:
            outputs["probabilities"] = (list(row),)
        made.append(a_sample(want, id=str(n), outputs=outputs, **case))
    return made


def measured(found, **config):
    made = classification.grader(classification.Config(**config))
    return {measure.name: measure for measure in made.measure(found)}


class TestClassification(SetGraderContract):
    module = classification
    right = samples(["a", "b", "a", "b"] * 5, ["a", "b", "a", "a"] * 5)
    wrong = samples(["a", "b", "a", "b"] * 5, ["b", "b", "a", "a"] * 5)


class TestLogLoss(SetGraderContract):
    module = classification
    config = settings(measure="log-loss")
    right = samples([0, 1] * 10, [0, 1] * 10, [(0.9, 0.1), (0.2, 0.8)] * 10)
    wrong = samples([0, 1] * 10, [0, 1] * 10, [(0.6, 0.4), (0.4, 0.6)] * 10)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_measures_are_those_that_everyone_computes(classes):
    rng = np.random.default_rng(7)
    truth = rng.integers(0, classes, 300)
    chances = rng.dirichlet(np.ones(classes), 300) * 0.7
    chances[np.arange(300), truth] += 0.3
    told = chances.argmax(axis=1)
    found = measured(samples(truth.tolist(), told.tolist(), chances.tolist()))
    scores = chances[:, 1] if classes == 2 else chances
    wanted = {
        "accuracy": metrics.accuracy_score(truth, told),
        "balanced-accuracy": metrics.balanced_accuracy_score(truth, told),
        "f1-macro": metrics.f1_score(truth, told, average="macro"),
        "f1-micro": metrics.f1_score(truth, told, average="micro"),
        "auc": metrics.roc_auc_score(truth, scores, multi_class="ovr"),
        "log-loss": metrics.log_loss(truth, chances),
    }

    for name, value in wanted.items():
        assert found[name].value == pytest.approx(value), name
        assert found[name].low < value < found[name].high


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_order(rows):
    yes, scores = (np.array(each) for each in zip(*rows, strict=True))
    ones = np.ones(len(rows))
    up, down = scores[yes], scores[~yes]
    pairs = [(a > b) + (a == b) / 2 for a in up for b in down]
    area = classification.auc(scores, yes, ones)

    assert np.isnan(area) if not pairs else area == pytest.approx(np.mean(pairs))


def test_an_answer_without_a_label_is_wrong():
    found = samples(["a"] * 20, ["a"] * 20)
    found[0] = a_sample("a", id="0", text="")

    assert measured(found)["accuracy"].value == 0.95
    assert measured(found)["count: a told as (none)"].value == 1


def test_of_one_class_there_is_no_area():
    found = measured(samples([1] * 20, [1] * 20, [(0.1, 0.9)] * 20, tags=()))

    assert found["auc"].value is None
    assert found["auc"].error


def test_cases_of_one_source_count_as_one():
    apart = samples(["a"] * 100, ["a", "b"] * 50)
    clustered = [
        a_sample("a", id=str(n), cluster=str(n // 10), outputs={"label": (t,)})
        for n, t in enumerate((["a"] * 10 + ["b"] * 10) * 5)
    ]
    wide, narrow = measured(clustered)["accuracy"], measured(apart)["accuracy"]

    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_weights_count_as_copies_do():
    twice = samples(["a", "a", "a"], ["a", "a", "b"])
    weighed = [
        a_sample("a", id="1", weight=2, outputs={"label": ("a",)}),
        a_sample("a", id="2", outputs={"label": ("b",)}),
    ]

    assert measured(weighed)["accuracy"].value == measured(twice)["accuracy"].value


def test_a_perfect_score_on_few_cases_is_not_certain():
    found = measured(samples(["a", "b"] * 10, ["a", "b"] * 10))["accuracy"]

    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.85


def test_chances_may_be_named_and_of_one_class_only():
    named = [
        a_sample(want, id=str(n), outputs={"label": (want,), "p": (row,)})
        for n, (want, row) in enumerate([("no", 0.2), ("yes", 0.9)] * 6)
    ]
    spoken = [
        a_sample(want, id=str(n), outputs={"label": (want,), "p": (row,)})
        for n, (want, row) in enumerate(
            [("no", {"no": 0.8, "yes": 0.2}), ("yes", {"yes": 0.9, "no": 0.1})] * 6
        )
    ]

    first = measured(named, chances="p")["log-loss"].value
    assert first == pytest.approx(measured(spoken, chances="p")["log-loss"].value)
