"""The guards hold whatever a project permits, and each has a case that fails."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.access.actions import ACTIONS, PRIVILEGED
from roadbed.access.authority import CedarAuthority, compile_policies
from roadbed.access.authorize import require
from roadbed.access.roles import ROLES
from roadbed.access.rules import BUILT_IN, built_in_rules, read_rules, roles_with
from roadbed.access.schema import PRINCIPALS
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.core.errors import Unauthenticated
from tests.principals import NOW, account, endpoint

ALL_ACTIONS = ", ".join(f'Action::"{name}"' for name in ACTIONS)
LIFT = {"lift": f"permit (principal, action in [{ALL_ACTIONS}], resource);"}
LIFTED, BUILT_IN_ONLY = compile_policies(LIFT), compile_policies({})
NOBODY = ["service-account:nobody-else"]


def version(**attributes):
    return Target(kind="ModelVersion", name="m@1", attributes=attributes)


def agent(*mandate, **more):
    given_to = None if mandate == (None,) else frozenset(mandate)
    return Principal(
        kind="agent",
        name="helper",
        roles=frozenset(ROLES),
        mandate=given_to,
        fresh_until_us=NOW,
        **more,
    )


EVERYBODY = account("x", *ROLES)
"""Somebody with every role there is, so that only a guard is in the way."""
STALE = replace(EVERYBODY, fresh_until_us=NOW - 1)
CASES = {
    "tenants": [(EVERYBODY, "endpoint.infer", endpoint(tenant="south"))],
    "residency": [
        (EVERYBODY, "endpoint.infer", endpoint(residency=["eu"], region="us")),
        (EVERYBODY, "endpoint.infer", endpoint(residency=["eu"])),
        (EVERYBODY, "version.infer", version(residency=["eu"], region="us")),
        (
            replace(EVERYBODY, residency=frozenset({"eu"})),
            "endpoint.infer",
            endpoint(region="us"),
        ),
        (
            replace(EVERYBODY, residency=frozenset({"eu"})),
            "version.infer",
            version(),
        ),
    ],
    "agents#agents-mandate": [
        (agent(None), "endpoint.infer", endpoint()),
        (agent("model.read"), "endpoint.infer", endpoint()),
        (
            replace(EVERYBODY, mandate=frozenset({"model.read"})),
            "endpoint.infer",
            endpoint(),
        ),
    ],
    "agents#agents-judgement": [
        (agent("stack.apply"), "stack.apply", Target(kind="Stack", name="stack")),
        (agent("version.promote"), "version.promote", version()),
    ],
    "freshness": [
        (STALE, name, Target(kind=ACTIONS[name].kind, name="*"))
        for name in sorted(PRIVILEGED)
    ],
    "versions#versions-own": [
        (EVERYBODY, "version.approve", version(registered_by="service-account:x"))
    ],
    **{
        f"versions#versions-{verb}": [
            (EVERYBODY, f"version.{verb}", version(**{f"{verb}_by": NOBODY})),
            (EVERYBODY, f"version.{verb}", version(**{f"{verb}_by": []})),
        ]
        for verb in ("infer", "read", "retrain", "approve", "promote", "delete")
    },
}
EACH = [(f"{BUILT_IN}{name}", *case) for name in CASES for case in CASES[name]]


@pytest.mark.parametrize(("guard", "who", "action", "target"), EACH)
def test_a_guard_denies_by_its_name_and_no_project_permit_lifts_it(
    guard, who, action, target
):
    decision = LIFTED.decide(who, action, target, NOW)

    assert not decision.allowed
    assert guard in decision.reasons


def test_every_guard_has_a_case_that_fails():
    forbids = {rule.name for rule in built_in_rules() if rule.effect == "forbid"}

    assert forbids == {BUILT_IN + name for name in CASES}


def test_without_what_the_guards_ask_for_the_same_is_allowed():
    fine = {
        "endpoint.infer": endpoint(residency=["eu"], region="eu"),
        "version.infer": version(infer_by=["role:app"]),
        "version.approve": version(registered_by="service-account:y"),
    }

    for action, target in fine.items():
        assert BUILT_IN_ONLY.decide(EVERYBODY, action, target, NOW).allowed, action


def test_nobody_who_is_not_known_is_permitted_anything_but_to_be_themselves():
    """A principal without roles stands for whoever has only proven a name."""
    for kind in PRINCIPALS:
        who = Principal(
            kind=kind, name="x", fresh_until_us=NOW, mandate=frozenset(ACTIONS)
        )
        allowed = {
            action.name
            for action in ACTIONS.values()
            if BUILT_IN_ONLY.decide(
                who, action.name, Target(kind=action.kind, name="*"), NOW
            ).allowed
        }
        assert allowed == {"session.read", "session.end", "token.exchange"}


def test_no_permit_is_reached_by_whoever_is_nobody():
    """Not even where a project permits everybody everything."""
    for action in ACTIONS.values():
        target = Target(kind=action.kind, name="*")
        assert not LIFTED.decide(None, action.name, target, NOW).allowed
        with pytest.raises(Unauthenticated):
            require(LIFTED, None, action.name, target, NOW)


def test_every_action_can_be_done_by_somebody():
    for action in ACTIONS.values():
        target = Target(kind=action.kind, name="*")
        assert BUILT_IN_ONLY.decide(EVERYBODY, action.name, target, NOW).allowed
        everyone = action.name in ("session.read", "session.end", "token.exchange")
        assert roles_with(action.name) or everyone, action.name


@pytest.mark.parametrize(
    "malformed",
    [
        replace(EVERYBODY, name=7),
        replace(EVERYBODY, tenant=None),
        replace(EVERYBODY, roles=None),
        replace(EVERYBODY, roles=frozenset({1})),
        replace(EVERYBODY, labels=(("team", 7),)),
        replace(EVERYBODY, labels=("team",)),
        replace(EVERYBODY, residency=frozenset({None})),
        replace(EVERYBODY, mandate=frozenset({3})),
        replace(EVERYBODY, kind=None),
        replace(EVERYBODY, kind=[]),
        replace(EVERYBODY, actors=("helper",)),
        replace(EVERYBODY, methods=None),
        replace(EVERYBODY, name="\ud800"),
        None,
    ],
)
def test_a_malformed_principal_is_denied(malformed):
    decision = LIFTED.decide(malformed, "endpoint.infer", endpoint(), NOW)

    assert not decision.allowed
    assert decision.reasons


@pytest.mark.parametrize("now_us", [None, "now", -1, 0])
def test_a_time_that_is_none_makes_nobody_fresh(now_us):
    target = Target(kind="Key", name="*")

    assert not LIFTED.decide(EVERYBODY, "key.create", target, now_us).allowed


def test_a_policy_that_fails_denies_and_is_named():
    failing = read_rules(
        "careless",
        'forbid (principal, action == Action::"endpoint.infer", resource) '
        "when { resource.region == principal.region };",
    )
    authority = CedarAuthority([*built_in_rules(), *failing], "sha256:test")

    decision = authority.decide(EVERYBODY, "endpoint.infer", endpoint())
    assert not decision.allowed
    assert "`careless`" in " ".join(decision.reasons)


NAMES = st.sampled_from(sorted(ACTIONS))
SETS = st.frozensets(NAMES, max_size=12)
SOMEBODY = st.builds(
    Principal,
    kind=st.sampled_from(sorted(PRINCIPALS)),
    name=st.sampled_from(["x", "y"]),
    roles=st.frozensets(st.sampled_from(sorted(ROLES)), max_size=4),
    residency=st.frozensets(st.sampled_from(["eu", "us"]), max_size=1),
    scope=st.none() | SETS,
    mandate=SETS,
    fresh_until_us=st.sampled_from([0, NOW]),
)


def allowed(who, action):
    target = Target(kind=ACTIONS[action].kind, name="*", attributes={"region": "eu"})
    return BUILT_IN_ONLY.decide(who, action, target, NOW).allowed


@settings(max_examples=150, deadline=None)
@given(SOMEBODY, SOMEBODY, NAMES)
def test_an_actor_never_allows_more_and_both_must_be_allowed(who, actor, action):
    together = replace(who, actors=(actor,))
    fresh_alike = replace(actor, fresh_until_us=who.fresh_until_us)

    both = allowed(who, action) and allowed(fresh_alike, action)
    assert allowed(together, action) == both


@settings(max_examples=150, deadline=None)
@given(SOMEBODY, SETS, NAMES)
def test_a_scope_or_a_mandate_never_allows_more(who, fewer, action):
    scoped = replace(who, scope=fewer if who.scope is None else who.scope & fewer)
    mandated = replace(who, mandate=who.mandate & fewer)

    assert allowed(scoped, action) <= allowed(who, action)
    assert allowed(mandated, action) <= allowed(who, action)
    assert not allowed(scoped, action) or action in fewer


@settings(max_examples=100, deadline=None)
@given(SOMEBODY, SETS, NAMES)
def test_a_first_mandate_never_gives_a_person_or_an_account_more(who, given_to, action):
    free = replace(who, kind="user", mandate=None)

    assert allowed(replace(free, mandate=given_to), action) <= allowed(free, action)
