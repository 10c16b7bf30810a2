"""Service accounts and policies as a team declares them."""

import pytest
from pydantic import ValidationError

from roadbed.access.kinds import Policy, ServiceAccount


def test_a_service_account_has_known_roles_only():
    assert ServiceAccount(roles=["app", "ci"]).roles == ["app", "ci"]

    for wrong in ({"roles": ["root"]}, {"roles": ["app"], "admin": True}):
        with pytest.raises(ValidationError):
            ServiceAccount.model_validate(wrong)


def test_the_kinds_explain_themselves():
    for kind in (ServiceAccount, Policy):
        schema = kind.model_json_schema()
        assert kind.kind == kind.__name__
        assert all(field["description"] for field in schema["properties"].values())
