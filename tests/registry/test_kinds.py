import pytest
from pydantic import ValidationError

from roadbed.registry.kinds import Model

HOSTED = {"provider": "openai", "upstream": "gpt-x-2026-08-01"}


def test_a_model_is_hosted_or_trained_and_says_by_whom():
    hosted = Model.model_validate({"owner": "support", "hosted": HOSTED})
    trained = Model.model_validate({"owner": "risk", "trained": {"provider": "here"}})

    assert (hosted.provider, trained.provider) == ("openai", "here")
    assert hosted.hosted is not None
    assert (hosted.hosted.prompt, hosted.hosted.parameters) == ("", {})


@pytest.mark.parametrize(
    "body", [{}, {"hosted": HOSTED, "trained": {"provider": "here"}}]
)
def test_neither_or_both_is_refused(body):
    with pytest.raises(ValidationError, match="write exactly one"):
        Model.model_validate({"owner": "risk", **body})


def test_a_misspelt_field_is_refused():
    with pytest.raises(ValidationError, match="promt"):
        Model.model_validate({"owner": "a", "hosted": {**HOSTED, "promt": "Be kind."}})
