"""A list shows exactly what a get would show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.access.actions import ACTIONS
from roadbed.access.authority import compile_policies
from roadbed.access.visible import PLATFORM, Viewer, endpoint_of, nothing, own, whole
from roadbed.core.decision import Target
from roadbed.inference.snapshot import Snapshot
from tests.principals import account

ODD = (
    'forbid (principal, action == Action::"run.read", resource) '
    'unless { resource.hasTag("even") };'
)


def viewer(*roles, tenant="default", **policies):
    return Viewer(
        authority=compile_policies(policies),
        principal=account("ada", *roles, tenant=tenant),
    )


def run(number, tenant="default"):
    labels = {} if number % 2 else {"even": "yes"}
    attributes = {"tenant": tenant, "labels": labels}
    return Target(kind="Run", name=str(number), attributes=attributes)


def test_what_is_of_another_tenant_is_not_there():
    mine, foreign = run(1, "acme"), run(1, "beta")
    who = account("ada", tenant="acme")

    assert own(who, mine) == mine
    assert own(who, foreign) is None
    assert own(who, None) is None
    assert nothing(who, "Run", "1").tenant == "acme"


@pytest.mark.parametrize("kind", sorted({a.kind for a in ACTIONS.values()}))
def test_the_platform_belongs_to_the_default_tenant(kind):
    tenant = whole(account("ada", tenant="acme"), kind).tenant

    assert tenant == ("default" if kind in PLATFORM else "acme")


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_without_a_declared_policy_all_of_a_kind_are_decided_upon_at_once(action):
    """Then nothing has to be looked up for who may not see any of it."""
    ada = viewer("app", "ci")

    assert ada.might(action) == ada.may(action)


def test_a_declared_policy_may_tell_one_from_another():
    ada = viewer("viewer", odd=ODD)

    assert not ada.may("run.read")
    assert ada.might("run.read")
    assert not ada.authority.declares("model.read")
    assert not ada.authority.declares("no.such")


def test_only_what_may_be_seen_is_shown():
    runs = [run(1), run(2), run(3, "acme"), run(4, "acme")]

    assert viewer("viewer", odd=ODD).only("run.read", runs, lambda r: r) == [run(2)]
    assert viewer("app").only("run.read", runs, lambda r: r) == []


@given(
    tenants=st.lists(st.sampled_from(("default", "acme")), max_size=40),
    limit=st.integers(1, 12),
)
def test_a_page_is_full_however_much_of_the_list_is_hidden(tenants, limit):
    runs = [run(number, tenant) for number, tenant in enumerate(tenants)]

    def fetch(last, size):
        at = 0 if last is None else int(last.name) + 1
        return runs[at : at + size]

    ada = viewer("viewer", tenant="acme", odd=ODD)
    page = ada.page("run.read", fetch, lambda r: r, limit)

    assert page == ada.only("run.read", runs, lambda r: r)[:limit]


def test_a_broken_endpoint_is_of_its_tenant_too():
    snapshot = Snapshot(
        revision=1,
        digest="d",
        authority=compile_policies({}),
        credentials={},
        deployments={},
        broken={"a": "gone", "b": "gone"},
        unserved={"a": {"tenant": "acme"}},
    )
    ada = account("ada", tenant="acme")

    assert endpoint_of(snapshot, ada, "a").tenant == "acme"
    assert endpoint_of(snapshot, ada, "b") is None
    assert endpoint_of(snapshot, ada, "c") is None
    assert snapshot.tenant_of("b") == "default"
