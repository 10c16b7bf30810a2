import json

import pytest

from roadbed.evals.graders import citation
from roadbed.testing.grader_contract import GraderContract, Judges, a_sample, finished

DOCUMENTS = (
    "Refunds are paid within 14 days of the return.",
    json.dumps({"id": "hours", "text": "The shop opens at 9 on weekdays."}),
)


def grade(text, **config):
    made = citation.grader(citation.Config(**config))
    return finished(made.grade(a_sample(text=text, documents=DOCUMENTS), Judges()))


class TestCitation(GraderContract):
    module = citation
    right = a_sample(text="Refunds are paid in 14 days [1].", documents=DOCUMENTS)
    wrong = a_sample(text="Refunds are paid in 14 days [2].", documents=DOCUMENTS)


@pytest.mark.parametrize(
    "text",
    [
        "Refunds are paid in 14 days. [1] The shop opens at 9 [hours].",
        "Refunds are paid in 14 days.[1]\nThe shop opens at 9 [2]",
        "Refunds are paid in 14 days [1, 1]. The shop opens at 9 [hours, 2].",
    ],
)
def test_marks_stand_where_people_put_them(text):
    assert grade(text).value == 1.0


def test_what_is_cited_has_to_exist():
    told = grade("Refunds are paid in 14 days [1][7].")

    assert told.detail["exists"] == 0.5
    assert told.detail["precision"] == 0.5
    assert told.detail["recall"] == 1.0
    assert told.explanation == "not there: 7"


def test_a_sentence_without_a_citation_costs_recall():
    told = grade("Refunds are paid in 14 days [1]. We are the best.")

    assert (told.detail["precision"], told.detail["recall"]) == (1.0, 0.5)
    assert grade("Refunds are paid in 14 days.").value == 0.0


def test_a_cited_document_that_says_another_number_does_not_support():
    assert grade("Refunds are paid in 30 days of the return [1].").value == 0.0
