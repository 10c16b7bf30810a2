import asyncio
import json

import pytest

from roadbed.evals.asking import Answered
from roadbed.evals.graders import groundedness
from roadbed.testing.grader_contract import (
    GraderContract,
    Judges,
    a_sample,
    finished,
    settings,
)

DOCUMENTS = (
    "Refunds are paid within 14 days of the return.",
    "The shop is open from nine to five on weekdays. " * 20,
)


def grade(text, documents=DOCUMENTS, means=None, **config):
    made = groundedness.grader(groundedness.Config(**config))
    sample = a_sample({"docs": list(documents)}, text, documents=documents)
    return asyncio.run(made.grade(sample, means or Judges()))


class TestGroundedness(GraderContract):
    module = groundedness
    right = a_sample(text="Refunds are paid in 14 days.", documents=DOCUMENTS)
    wrong = a_sample(text="Refunds are paid in 30 days.", documents=DOCUMENTS)


def verdicts(question):
    claims = question.body["messages"][1]["content"].split(" claims\n")[1]
    lines = [line for line in claims.split("\n") if line[:1].isdigit()]
    said = [
        {"number": n, "quote": "", "supported": "14 days" in line}
        for n, line in enumerate(lines, 1)
    ]
    return Answered(text=json.dumps({"claims": said}), cost_nano=5, call_id="c-1")


class TestJudged(GraderContract):
    module = groundedness
    config = settings(method="judge", endpoint="judge")
    right = a_sample(text="It takes 14 days. Truly, 14 days.", documents=DOCUMENTS)
    wrong = a_sample(text="It takes 14 days. We love it.", documents=DOCUMENTS)

    @pytest.fixture
    def means(self):
        return Judges(judge=verdicts)


def test_each_claim_is_looked_for():
    told = grade("Refunds are paid within 14 days. The shop has a garden.")

    assert [round(each["support"], 2) for each in told.detail["claims"]] == [1.0, 0.5]
    assert "garden" in told.explanation


def test_a_number_that_is_not_there_is_not_supported():
    assert grade("Refunds are paid within 15 days of the return.").value == 0.0


def test_an_answer_without_claims_or_documents_has_no_free_pass():
    assert grade("").value == 0.0
    assert grade("Really?").value == 0.0
    assert grade("Refunds are paid.", documents=()).value == 0.0


def test_the_documents_may_be_those_that_are_expected():
    told = grade("Refunds are paid.", documents=DOCUMENTS[:1])
    sample = a_sample({"docs": list(DOCUMENTS)}, "Refunds are paid.")
    config = groundedness.Config(documents="expected", expected="docs")

    assert told.value == 1.0
    assert finished(groundedness.grader(config).grade(sample, Judges())).value == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"claims": []}',
        '{"claims": [{"number": 1, "supported": "yes"}]}',
        '{"claims": [{"number": [1], "supported": true}]}',
        '{"claims": [{"number": 2, "supported": true}]}',
        '{"claims": [{"number": 1, "supported": true}, 1, {"number": 2}]}',
    ],
)
def test_a_judge_without_a_verdict_gives_no_grade(text):
    means = Judges(judge=lambda question: Answered(text=text, cost_nano=3))
    told = grade("Refunds are instant.", means=means, method="judge", endpoint="judge")

    assert told.value is None
    assert "no verdict" in told.error
    assert told.cost_nano == 6


def test_a_document_with_an_id_is_read_by_its_text():
    said = json.dumps({"id": "returns 30", "text": DOCUMENTS[0]})

    assert grade("Refunds are paid within 14 days.", documents=(said,)).value == 1.0
    assert grade("Returns take 30 days.", documents=(said,)).value == 0.0
