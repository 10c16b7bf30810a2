"""Refusals say why, and whom to ask."""

import pytest

from roadbed.access.authority import compile_policies
from roadbed.access.authorize import denied_entry, require
from roadbed.core.errors import Denied, Unauthenticated
from tests.principals import account, endpoint

NO = 'forbid (principal, action == Action::"endpoint.infer", resource);'


def test_a_permitted_action_returns_its_decision():
    authority = compile_policies({})

    decision = require(authority, account("x", "app"), "endpoint.infer", endpoint())
    assert decision.allowed
    assert decision.reasons == ("roadbed/app",)


def test_nobody_is_asked_to_bring_a_key():
    with pytest.raises(Unauthenticated) as caught:
        require(compile_policies({}), None, "endpoint.infer", endpoint())
    assert "Bearer rbk_" in caught.value.hint


def test_a_denial_names_the_roles_that_may():
    with pytest.raises(Denied) as caught:
        require(compile_policies({}), account("x"), "endpoint.infer", endpoint())
    assert caught.value.message == (
        "service-account:x may not do endpoint.infer on Endpoint/support-bot: "
        "no policy permits it"
    )
    assert caught.value.hint == "roles that may: researcher, eval-bot, app"


def test_a_denial_by_policy_names_the_policy():
    authority = compile_policies({"closed": NO})
    with pytest.raises(Denied, match="closed") as caught:
        require(authority, account("x", "app"), "endpoint.infer", endpoint())
    assert "in the stack" in caught.value.hint


def test_a_denial_is_an_audit_entry_for_a_stranger_too():
    entry = denied_entry(None, "key.create", endpoint(), "no key came")

    assert (entry.actor, entry.outcome) == ("nobody", "denied")
    assert entry.resource == "Endpoint/support-bot"
    assert entry.detail == {"reason": "no key came"}
