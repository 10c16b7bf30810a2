"""Versions go into production when others have vouched for them, and out for good."""

from dataclasses import replace

import pytest

from roadbed.access.authority import compile_policies
from roadbed.control.custody import examine
from roadbed.control.serve import compile_snapshot, read_declared
from roadbed.control.versions import target_of
from roadbed.control.withdraw import withdraw_version
from roadbed.core.errors import Conflict, Denied, Invalid
from roadbed.core.reference import parse
from roadbed.registry.approvals import approve, list_approvals, withdrawn
from roadbed.registry.tables import approvals
from roadbed.testing.fakes import FakeCatalog
from tests.control.stacks import ECHO, endpoint, hosted, resource
from tests.control.test_apply import ME, declare, make_desk, put
from tests.principals import account

BOT = parse("bot@1")
COMPANY = resource(
    "IdentityProvider", "company", "{issuer: 'https://login.example', client_id: c}"
)


@pytest.fixture
def desk(sqlite_database, tmp_path):
    return make_desk(sqlite_database, tmp_path)


def model(approvals=0, more=""):
    return hosted() + f"  approvals: {approvals}\n" + more


def vouch(database, *names):
    with database.write() as connection:
        for name in names:
            approve(connection, BOT, name, "looks fine", 5)


def test_a_version_that_too_few_approved_goes_into_no_production(desk, tmp_path):
    put(desk, tmp_path, ECHO, model(approvals=2))
    vouch(desk.database, "user:a#1")

    with pytest.raises(Denied, match=r"bot@1 has 1 of the 2 approvals"):
        put(desk, tmp_path, ECHO, model(approvals=2), endpoint())
    vouch(desk.database, "user:a#2")
    assert put(desk, tmp_path, ECHO, model(approvals=2), endpoint()).revision == 2


def test_an_approval_of_whoever_applies_does_not_count(desk, tmp_path):
    put(desk, tmp_path, ECHO, model(approvals=1))
    with desk.database.write() as connection, pytest.raises(Denied, match="made bot@1"):
        approve(connection, BOT, ME, "my own", 5)
    vouch(desk.database, "user:a#1")

    proposal = desk.propose(declare(tmp_path, ECHO, model(approvals=1), endpoint()))
    with pytest.raises(Denied, match="0 of the 1"):
        desk.apply(proposal, "user:a#1")
    with pytest.raises(Denied, match="0 of the 1"):
        desk.apply(proposal, "user:a#1 (agent:helper)")
    assert desk.apply(proposal, ME).revision == 2


def test_lowering_the_approvals_takes_an_apply_of_its_own(desk, tmp_path):
    put(desk, tmp_path, ECHO, model(approvals=1))

    with pytest.raises(Denied, match="0 of the 1"):
        put(desk, tmp_path, ECHO, model(approvals=0), endpoint())


def test_a_development_endpoint_takes_no_approval(desk, tmp_path):
    tried = endpoint(more="stage: development")

    assert put(desk, tmp_path, ECHO, model(approvals=5), tried).revision == 1


def test_a_version_made_by_the_same_apply_cannot_have_been_approved(desk, tmp_path):
    with pytest.raises(Denied, match="0 of the 1"):
        put(desk, tmp_path, ECHO, model(approvals=1), endpoint())


def test_approving_twice_is_approving_once(desk, tmp_path):
    put(desk, tmp_path, ECHO, model())
    vouch(desk.database, "user:a#1", "user:a#1")

    with desk.database.read() as connection:
        [only] = list_approvals(connection, BOT)
    assert (only.approver, only.reason) == ("user:a#1", "looks fine")


def test_the_proposal_names_what_must_be_promoted_and_no_more(desk, tmp_path):
    first = desk.propose(declare(tmp_path, ECHO, model(), endpoint()))
    desk.apply(first, ME)
    same = desk.propose(declare(tmp_path, ECHO, model(), endpoint(more="owner: me")))

    [target] = first.promoted
    assert str(target) == "ModelVersion/bot@1"
    assert same.promoted == ()


def test_nobody_writes_themselves_onto_the_list_that_lets_them_promote(desk, tmp_path):
    others = "  access: {promote: ['service-account:other']}\n"
    mine = "  access: {promote: ['service-account:operator']}\n"
    other = resource("ServiceAccount", "other", "roles: [viewer]")
    put(desk, tmp_path, other, ECHO, model(more=others))
    proposal = desk.propose(
        declare(tmp_path, other, ECHO, model(more=mine), endpoint())
    )
    who = account("operator", "platform-engineer")

    authority = compile_policies({})
    decided = [
        authority.decide(who, "version.promote", target, 1).allowed
        for target in proposal.promoted
    ]
    assert sorted(decided) == [False, True]


def test_a_withdrawn_version_is_never_pinned_or_loaded_again(desk, tmp_path):
    put(desk, tmp_path, ECHO, model(), endpoint())
    with (
        desk.database.write() as connection,
        pytest.raises(Conflict, match="pinned by"),
    ):
        withdraw_version(connection, BOT, ME, "", 5)
    put(desk, tmp_path, ECHO, model())
    with desk.database.write() as connection:
        withdraw_version(connection, BOT, ME, "leaks", 5)

    with pytest.raises(Invalid) as refused:
        put(desk, tmp_path, ECHO, model(), endpoint())
    with desk.database.read() as connection:
        assert withdrawn(connection) == {BOT}
        with pytest.raises(Conflict):
            approve(connection, BOT, "user:a#1", "", 6)
    assert "bot@1 was withdrawn" in str(refused.value.problems[0])


@pytest.mark.parametrize("more", ["fallback: [spare@1]", "degrade: [{model: spare@1}]"])
def test_what_an_endpoint_falls_back_on_is_not_withdrawn(desk, tmp_path, more):
    spare = hosted("spare", "echo-2")
    put(desk, tmp_path, ECHO, model(), spare, endpoint(more=more))

    with (
        desk.database.write() as connection,
        pytest.raises(Conflict, match="spare@1 is pinned by endpoint bot"),
    ):
        withdraw_version(connection, parse("spare@1"), ME, "", 5)


def test_a_pin_that_was_withdrawn_by_force_is_not_loaded(desk, tmp_path):
    put(desk, tmp_path, ECHO, model(), endpoint())
    with desk.database.read() as connection:
        declared = read_declared(connection, 1)
    gone = replace(declared, faults={BOT: Conflict("bot@1 was withdrawn")})
    catalog = FakeCatalog()
    serving = compile_snapshot(gone, catalog.open, compile_policies)

    assert serving.snapshot.deployments == {}
    assert serving.snapshot.broken == {"bot": "bot@1 was withdrawn"}
    assert catalog.opened == []


def test_lists_are_served_with_people_by_issuer_and_subject(desk, tmp_path):
    lists = (
        "  access: {infer: ['user:company/1f2e'], read: ['role:viewer']}\n"
        "  versions: {'1': {read: ['group:company/risk']}}\n"
    )
    put(desk, tmp_path, COMPANY, ECHO, model(more=lists), endpoint())

    with desk.database.read() as connection:
        declared = read_declared(connection, 1)
        apart = target_of(connection, BOT)
    served = compile_snapshot(declared, FakeCatalog().open, compile_policies)
    target = served.snapshot.deployments["bot"].version_target
    for found in (target.attributes, apart.attributes):
        assert found["infer_by"] == ["user:https://login.example#1f2e"]
        assert found["read_by"] == ["group:company/risk"]
        assert found["registered_by"] == ME
    assert "retrain_by" not in target.attributes


def test_a_new_list_is_another_target_and_the_version_stays_loaded(desk, tmp_path):
    put(desk, tmp_path, ECHO, model(), endpoint())
    catalog = FakeCatalog()

    def served(previous=None):
        with desk.database.read() as connection:
            declared = read_declared(connection, 1)
        return compile_snapshot(declared, catalog.open, compile_policies, previous)

    before = served()
    put(desk, tmp_path, ECHO, model(more="  access: {infer: []}\n"), endpoint())
    after = served(before)

    old, new = (s.snapshot.deployments["bot"] for s in (before, after))
    assert old.runner is new.runner
    assert old.version_target.revision != new.version_target.revision
    who, authority = account("x", "app"), after.snapshot.authority
    assert authority is before.snapshot.authority
    assert authority.decide(who, "version.infer", old.version_target).allowed
    assert not authority.decide(who, "version.infer", new.version_target).allowed


def test_an_approval_that_was_slipped_into_the_table_is_found(desk, tmp_path):
    put(desk, tmp_path, ECHO, model())
    vouch(desk.database, "user:a#1")
    assert examine(desk.database, desk.blobs) == ()
    with desk.database.read() as connection:
        [honest] = list_approvals(connection, BOT)
    forged = {"model": "bot", "number": 1, "approver": "user:a#2", "at_us": 5}
    with desk.database.write() as connection:
        row = approvals.insert().values(digest=honest.digest, reason="", **forged)
        connection.execute(row)

    findings = examine(desk.database, desk.blobs)
    assert any("approval of bot@1 by user:a#2" in finding for finding in findings)
