"""Cedar decides, and whatever is unclear is a denial."""

from dataclasses import replace

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.access.actions import ACTIONS, KINDS, PRIVILEGED
from roadbed.access.authority import (
    NOT_PERMITTED,
    CedarAuthority,
    compile_again,
    compile_policies,
)
from roadbed.access.question import keys_of
from roadbed.access.roles import ROLES
from roadbed.access.rules import Rule, built_in_rules, built_in_texts, read_rules
from roadbed.access.schema import cedar_schema
from roadbed.core.actor import SYSTEM, Principal
from roadbed.core.decision import Target
from tests.principals import NOW, account, endpoint

INFER = 'action == Action::"endpoint.infer"'
CLAIMS = 'principal == ServiceAccount::"claims"'
PROJECT = {
    "claims-infer": f"permit ({CLAIMS}, {INFER}, resource);",
    "no-production": f"forbid (principal, {INFER}, resource) when "
    '{ resource has stage && resource.stage == "production" };',
    "risk-only": f"forbid (principal, {INFER}, resource) "
    'when { resource.hasTag("team") } '
    'unless { principal.hasTag("team") && resource.hasTag("team") '
    '&& principal.getTag("team") == resource.getTag("team") };',
}
BUILT_IN = compile_policies({})
ALL = compile_policies(PROJECT)


def test_a_permit_carries_the_policies_that_gave_it_and_the_digest_of_all():
    decision = ALL.decide(account("claims", "app"), "endpoint.infer", endpoint())

    assert decision.allowed
    assert decision.reasons == ("claims-infer", "roadbed/app")
    assert decision.policy_digest == ALL.digest
    assert ALL.digest.startswith("sha256:")


def test_what_no_policy_permits_is_denied():
    decision = BUILT_IN.decide(account("x", "viewer"), "endpoint.infer", endpoint())

    assert not decision.allowed
    assert decision.reasons == (NOT_PERMITTED,)


def test_a_forbid_wins_and_says_its_name():
    production = endpoint(stage="production")

    decision = ALL.decide(account("claims", "app"), "endpoint.infer", production)
    assert (decision.allowed, decision.reasons) == (False, ("no-production",))


def test_labels_of_both_sides_can_be_compared():
    def may(team):
        who = account("x", "app", **({"team": team} if team else {}))
        target = endpoint(labels={"team": "risk"})
        return ALL.decide(who, "endpoint.infer", target).allowed

    assert (may("risk"), may("sales"), may("")) == (True, False, False)


def test_nobody_reaches_another_tenant_whatever_permits_it():
    generous = compile_policies({"all": f"permit (principal, {INFER}, resource);"})
    for target in (endpoint(tenant="south"), endpoint()):
        decision = generous.decide(
            account("x", "app", tenant="north"), "endpoint.infer", target
        )
        assert (decision.allowed, decision.reasons) == (False, ("roadbed/tenants",))

    own = endpoint(tenant="north")
    north = account("x", "app", tenant="north")
    assert generous.decide(north, "endpoint.infer", own).allowed


def test_a_broken_forbid_denies_instead_of_being_skipped():
    broken = read_rules(
        "broken",
        f"forbid (principal, {INFER}, resource) when "
        '{ resource.stage == "production" };',
    )
    authority = CedarAuthority([*built_in_rules(), *broken], "sha256:test")

    decision = authority.decide(account("x", "app"), "endpoint.infer", endpoint())
    assert not decision.allowed
    assert "`broken`" in decision.reasons[0]
    assert authority.decide(account("x", "app"), "endpoint.read", endpoint()).allowed


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("endpoint.destroy", endpoint()),
        ("", endpoint()),
        ("endpoint.infer", Target(kind="Model", name="m")),
        ("endpoint.infer", Target(kind="Nonsense", name="m")),
        ("endpoint.infer", Target(kind="", name="")),
        ("endpoint.infer", endpoint(stage=7)),
        ("endpoint.infer", endpoint(purposes="not a set")),
        ("endpoint.infer", endpoint(tenant=None)),
        ("endpoint.infer", endpoint(labels={"a": 1})),
        ("endpoint.infer", endpoint(labels="a")),
        ("endpoint.infer", endpoint(stage=object())),
        ("endpoint.infer", endpoint(stage=float("nan"))),
    ],
)
def test_a_question_that_makes_no_sense_is_denied(action, target):
    decision = BUILT_IN.decide(account("x", "app"), action, target)

    assert not decision.allowed
    assert decision.reasons[0] != NOT_PERMITTED


@pytest.mark.parametrize("principal", [SYSTEM, Principal(kind="root", name="root")])
def test_nobody_is_above_the_policies(principal):
    for action in ACTIONS.values():
        target = Target(kind=action.kind, name="*")
        assert not BUILT_IN.decide(principal, action.name, target).allowed


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_name_is_read_as_code(name, other):
    who = account(name, "app")
    decision = ALL.decide(who, "endpoint.infer", endpoint(other, stage="production"))

    assert not decision.allowed
    assert ALL.decide(who, "endpoint.read", endpoint(other)).allowed


def test_no_action_is_done_to_a_target_of_another_kind():
    everyone = account("claims", *ROLES)
    for action in ACTIONS.values():
        for kind in set(KINDS) - {action.kind}:
            target = Target(kind=kind, name="*")
            assert not ALL.decide(everyone, action.name, target).allowed
        own = Target(kind=action.kind, name="*")
        assert ALL.decide(everyone, action.name, own, NOW).allowed


def test_endless_names_do_not_fill_the_memory():
    authority = compile_policies({})
    long = endpoint("x" * 10_000)
    first = authority.decide(account("x", "app"), "endpoint.infer", long)

    assert first.allowed
    assert authority.decide(account("x", "app"), "endpoint.infer", long) is not first


def test_attributes_that_no_policy_can_name_change_nothing():
    target = endpoint(deadline_ms=60_000, anything=[1, {"a": None}])

    assert ALL.decide(account("x", "app"), "endpoint.infer", target).allowed


def test_slicing_changes_no_decision():
    everything = "".join([*built_in_texts().values(), *PROJECT.values()])
    whole = cedarpy.PolicySet.from_str(everything)
    schema = cedarpy.Schema.from_str(cedar_schema())
    for role in ROLES:
        who = account("claims", role)
        for action in ACTIONS.values():
            target = Target(
                kind=action.kind, name="e", attributes={"stage": "production"}
            )
            sliced = ALL.decide(who, action.name, target, NOW)
            assert sliced.allowed == _unsliced(whole, schema, who, action.name, target)


def _unsliced(policies, schema, who, action, target):
    entities = [
        {
            "uid": {"type": "ServiceAccount", "id": who.name},
            "attrs": {"tenant": who.tenant, "keys": sorted(keys_of(who))},
            "parents": [{"type": "Role", "id": role} for role in who.roles],
            "tags": {},
        },
        {
            "uid": {"type": target.kind, "id": target.name},
            "attrs": {"tenant": "default", **target.attributes},
            "parents": [],
            "tags": {},
        },
    ]
    request = {
        "principal": entities[0]["uid"],
        "action": {"type": "Action", "id": action},
        "resource": entities[1]["uid"],
        "context": {
            "action": action,
            "fresh": action in PRIVILEGED,
            "mfa": False,
        },
    }
    return cedarpy.is_authorized(request, policies, entities, schema).allowed


def test_a_decision_is_remembered_for_exactly_the_same_question():
    who, authority = account("x", "app"), compile_policies(PROJECT)
    first = authority.decide(who, "endpoint.infer", endpoint())

    assert authority.decide(who, "endpoint.infer", endpoint()) is first
    for other in (
        replace(who, roles=frozenset({"viewer"})),
        replace(who, tenant="south"),
        replace(who, kind="root"),
    ):
        assert not authority.decide(other, "endpoint.infer", endpoint()).allowed
    production = endpoint(stage="production")
    assert not authority.decide(who, "endpoint.infer", production).allowed


def test_a_number_is_not_mistaken_for_a_truth():
    authority = compile_policies({})
    one = authority.decide(account("x", "app"), "endpoint.infer", endpoint(x=1))
    true = authority.decide(account("x", "app"), "endpoint.infer", endpoint(x=True))

    assert one is not true


def test_no_remembered_permit_survives_another_set_of_policies():
    who, production = account("x", "app"), endpoint(stage="production")
    before = compile_policies({})
    assert before.decide(who, "endpoint.infer", production).allowed
    after = compile_policies(PROJECT)

    assert not after.decide(who, "endpoint.infer", production).allowed
    assert after.digest != before.digest


def test_policies_that_serve_were_read_before_the_first_question():
    compiled = compile_again(PROJECT, None)

    assert compile_again(PROJECT, compiled) is compiled
    read = [vars(chosen).get("policies") for chosen in compiled._slices.values()]
    assert len(read) > 40 and None not in read


def test_what_cannot_be_read_is_denied_when_it_is_asked():
    broken = Rule("broken", "permit", None, "permit (principal, action")
    authority = CedarAuthority([*built_in_rules(), broken], "sha256:test")

    decision = authority.decide(account("x", "app"), "endpoint.infer", endpoint())
    assert not decision.allowed
    with pytest.raises(ValueError, match="unexpected"):
        authority.get_ready()


def test_equal_policies_have_equal_digests_and_other_ones_others():
    backwards = dict(reversed(PROJECT.items()))

    assert compile_policies(backwards).digest == ALL.digest
    assert compile_policies({"a": PROJECT["claims-infer"]}).digest != ALL.digest


def test_the_schema_knows_every_kind_of_target():
    schema = str(cedarpy.Schema.from_str(cedar_schema()))

    assert all(f"entity {kind}" in schema for kind in KINDS)
