import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from roadbed.evals.asking import Answered
from roadbed.evals.graders import similarity
from roadbed.evals.graders._texts import cosine
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)

EXPECTED = "Refunds are paid within fourteen days of the return."
PAIRS = [
    *[(f"Refunds are paid within {n} days of the return.", True) for n in range(6)],
    *[(f"Our shop number {n} opens at nine on weekdays.", False) for n in range(6)],
]


def pairs():
    return [{"answer": a, "expected": EXPECTED, "same": s} for a, s in PAIRS]


class TestSimilarity(GraderContract):
    module = similarity
    right = a_sample(EXPECTED, "Within fourteen days of the return, refunds are paid.")
    wrong = a_sample(EXPECTED, "We open at nine.")


class TestLearned(GraderContract):
    module = similarity
    config = settings(pairs=pairs())
    right = a_sample(EXPECTED, "Refunds get paid within fourteen days of a return.")
    wrong = a_sample(EXPECTED, "Our shop opens at eight on weekdays.")


def vectors(question):
    rows = [
        (float(text.count("e")), float(len(text))) for text in question.body["input"]
    ]
    return Answered(outputs={"embedding": tuple(rows)})


class TestEmbeddings(GraderContract):
    module = similarity
    config = settings(method="embeddings", endpoint="vectors")
    right = a_sample("eeee", "eeeeeeee")
    wrong = a_sample("eeee", "xxxx")

    @pytest.fixture
    def means(self):
        return Judges(vectors=vectors)


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarity_is_symmetric_and_bounded(left, right):
    there, back = cosine(left, right), cosine(right, left)

    assert there == pytest.approx(back)
    assert 0 <= there <= 1
    assert cosine(left, left) == 1


def test_there_is_no_threshold_that_nobody_taught():
    assert "threshold" not in similarity.Config.model_fields
    assert not similarity.grader(similarity.Config()).binary
    with pytest.raises(ValidationError, match="at least 10 pairs"):
        similarity.Config.model_validate({"pairs": pairs()[:9]})
    with pytest.raises(ValidationError, match="at least 10 pairs"):
        similarity.Config.model_validate({"pairs": pairs()[:6] * 2})


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=4, max_size=12))
def test_no_other_threshold_tells_more(rows):
    rows = [*((n / 10, same) for n, same in rows), (0.5, True), (0.5, False)]
    alike, same = zip(*rows, strict=True)
    threshold, told = similarity.learn(alike, same)

    def balanced(place):
        yes = [a >= place for a, s in rows if s]
        no = [a < place for a, s in rows if not s]
        return (sum(yes) / len(yes) + sum(no) / len(no)) / 2

    assert told == pytest.approx(balanced(threshold))
    assert all(told >= balanced(place) - 1e-9 for place in (*alike, 0.8))


def test_how_well_the_threshold_tells_is_said():
    made = similarity.grader(similarity.Config.model_validate({"pairs": pairs()}))
    told = finished(made.grade(a_sample(EXPECTED, EXPECTED), Judges()))

    assert told.detail["accuracy"] == 1.0
    assert 0 < told.detail["threshold"] < 1


@pytest.mark.parametrize(
    "answer",
    [
        Answered(status="failed", error="timed out"),
        Answered(outputs={"embedding": ((1.0,),)}),
        Answered(outputs={"embedding": (("x",), ("y",))}),
        Answered(outputs={"embedding": ((1.0,), (1.0, 2.0))}),
    ],
)
def test_vectors_that_do_not_come_are_an_error_and_no_low_grade(answer):
    config = similarity.Config(method="embeddings", endpoint="vectors")
    means = Judges(vectors=lambda question: answer)
    grade = asyncio.run(similarity.grader(config).grade(a_sample("a", "b"), means))

    assert grade.value is None
    assert grade.error
