import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.evals.graders import retrieval
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished


def documents(*names):
    return tuple(json.dumps({"id": name, "text": "..."}) for name in names)


def grade(sample, **config):
    made = retrieval.grader(retrieval.Config(**config))
    return finished(made.grade(sample, Judges()))


class TestRetrieval(GraderContract):
    module = retrieval
    right = a_sample(["a", "b"], documents=documents("a", "x", "b"))
    wrong = a_sample(["a", "b"], documents=documents("a", "x", "y"))


def test_the_measures_of_a_known_example():
    told = grade(a_sample({"a": 3, "b": 1, "c": 0}, documents=documents("x", "a", "c")))
    ideal = 3 + 1 / math.log2(3)

    assert told.detail["recall"] == 0.5
    assert told.detail["precision"] == pytest.approx(1 / 3)
    assert told.detail["mrr"] == 0.5
    assert told.detail["context-precision"] == pytest.approx(0.25)
    assert told.detail["ndcg"] == pytest.approx(3 / math.log2(3) / ideal)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.integers(1, 8))
def test_measures_stay_between_0_and_1_and_are_1_for_the_ideal(got, k):
    gains = {"a": 3.0, "b": 2.0, "c": 1.0}
    measured = retrieval.measures(got[:k], gains, k)

    assert all(0 <= value <= 1 + 1e-12 for value in measured.values())
    best = retrieval.measures(list("abc")[:k], gains, k)
    assert best["ndcg"] == best["mrr"] == pytest.approx(best["context-precision"]) == 1


def test_only_the_first_k_count_and_none_twice():
    sample = a_sample(["b"], documents=documents("a", "a", "b"))

    assert grade(sample, k=1).value == 0.0
    assert grade(sample, k=2).value == 1.0


def test_ids_may_stand_in_the_answer():
    sample = a_sample(["a"], '{"hits": [{"id": "a"}]}')

    assert grade(sample, source="answer", field="hits").value == 1.0
    assert grade(sample, source="answer").label == "unfit"


def test_a_document_without_an_id_is_its_text():
    assert grade(a_sample(["Refunds."], documents=("Refunds.",))).value == 1.0


def test_a_case_without_relevant_ones_cannot_be_graded():
    assert "nothing as relevant" in grade(a_sample({"a": 0})).error
