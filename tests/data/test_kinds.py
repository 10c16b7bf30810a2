import pytest
from pydantic import ValidationError

from roadbed.data.kinds import Dataset

TUMORS = {
    "owner": "oncology",
    "licence": "CC-BY-4.0",
    "classification": "confidential",
    "purposes": ["triage"],
    "source": "UCI breast cancer Wisconsin (diagnostic)",
}


def test_a_dataset_says_who_answers_for_it_and_what_it_is_for():
    dataset = Dataset.model_validate(TUMORS)

    assert (dataset.kind, dataset.owner) == ("Dataset", "oncology")
    assert dataset.region is None


@pytest.mark.parametrize("field", ["owner", "licence", "purposes", "source"])
def test_what_governs_data_is_not_optional(field):
    with pytest.raises(ValidationError, match=field):
        Dataset.model_validate({k: v for k, v in TUMORS.items() if k != field})


def test_a_classification_is_one_of_four_words():
    with pytest.raises(ValidationError, match="classification"):
        Dataset.model_validate({**TUMORS, "classification": "secret-ish"})
