"""Service accounts as a team declares them."""

import pytest
from pydantic import ValidationError

from roadbed.identity.kinds import ServiceAccount


def test_a_service_account_has_no_keys_unless_it_says_so():
    account = ServiceAccount(roles=["app", "ci"])

    assert account.keys is False
    for wrong in ({"roles": ["No Role"]}, {"roles": ["app"], "admin": True}):
        with pytest.raises(ValidationError):
            ServiceAccount.model_validate(wrong)


def test_the_kind_explains_itself():
    schema = ServiceAccount.model_json_schema()

    assert all(field["description"] for field in schema["properties"].values())
