"""The closed list of actions, and the roles that hold them."""

from roadbed.access.actions import ACTIONS, KINDS, PUBLIC
from roadbed.access.authority import compile_policies
from roadbed.access.matrix import allows
from roadbed.access.roles import ROLES
from roadbed.access.rules import BUILT_IN, built_in_rules, roles_with


def test_every_action_has_a_kind_and_a_sentence():
    for name, action in ACTIONS.items():
        assert action.name == name != PUBLIC
        assert action.sentence.endswith(".")
        assert action.kind in KINDS


def test_every_role_has_a_policy_and_every_policy_a_purpose():
    rules = {rule.name.removeprefix(BUILT_IN): rule for rule in built_in_rules()}
    permits = {name for name, rule in rules.items() if rule.effect == "permit"}
    guards = {name.partition("#")[0] for name in rules.keys() - permits}

    assert permits == {*ROLES, "everyone", "feedback"}
    assert guards == {"tenants", "residency", "agents", "freshness", "versions"}


def test_every_action_is_in_reach_of_some_role_and_no_role_has_all():
    authority = compile_policies({})
    for action in ACTIONS.values():
        assert any(allows(authority, role, action) for role in ROLES), action.name
    for role in ROLES:
        assert not all(allows(authority, role, a) for a in ACTIONS.values()), role


def test_only_three_roles_infer():
    assert roles_with("endpoint.infer") == ["researcher", "eval-bot", "app"]


def test_an_auditor_changes_nothing():
    authority = compile_policies({})
    changes = [a for a in ACTIONS.values() if a.name.split(".")[1] in CHANGES]

    assert len(changes) == 14
    assert not [a.name for a in changes if allows(authority, "auditor", a)]


CHANGES = {
    *("infer", "register", "write", "apply", "create", "revoke"),
    *("retrain", "approve", "promote", "delete", "train"),
}
