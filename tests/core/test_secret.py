"""Secrets."""

import json
import pickle

import pytest
from pydantic import BaseModel, ValidationError

from roadbed.core.secret import Secret, SecretRef

CANARY = "canary-value-9d1f"


class Config(BaseModel):
    key: SecretRef


@pytest.mark.parametrize("show", [repr, str, ascii, "{}".format])
def test_no_representation_shows_the_value(show):
    assert CANARY not in show(Secret(CANARY))


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps], ids=["pickle", "json"])
def test_a_secret_is_not_written_anywhere(write):
    with pytest.raises(TypeError):
        write(Secret(CANARY))


def test_a_reference_is_kept_as_it_is():
    assert Config(key="secret://env/KEY").key == "secret://env/KEY"


@pytest.mark.parametrize("literal", [CANARY, "", "secret://", "secret://env/", "env/K"])
def test_a_literal_secret_is_refused(literal):
    with pytest.raises(ValidationError, match="literal secret"):
        Config(key=literal)
