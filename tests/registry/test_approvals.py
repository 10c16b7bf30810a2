"""One word for one version, from somebody else, and on the log in the same moment."""

import pytest

from roadbed.audit.outbox import logged
from roadbed.core.errors import Conflict, Denied, NotFound
from roadbed.core.reference import VersionRef, parse
from roadbed.registry.approvals import (
    approve,
    approvers,
    list_approvals,
    made_by,
    withdraw,
    withdrawn,
)
from roadbed.registry.tables import approvals
from roadbed.registry.versions import add_version, get_version

REF = VersionRef("triage", 1)
MAKER = "user:https://login.example#mira (agent:helper)"


@pytest.fixture
def version(database):
    with database.write() as connection:
        return add_version(connection, "triage", {"trained": {}}, MAKER, 1)


def test_an_approval_names_the_digest_and_is_on_the_log(database, version):
    with database.write() as connection:
        made = approve(connection, REF, "user:a#1", "fine", 7)
        [entry] = logged(connection, lambda c: (c.action == "version.approve",))

    assert made.digest == version.digest
    assert (entry.actor, entry.resource) == ("user:a#1", "ModelVersion/triage@1")
    assert entry.detail["digest"] == version.digest


@pytest.mark.parametrize("name", [MAKER, made_by(MAKER), f"{made_by(MAKER)} (agent:x)"])
def test_whoever_made_it_approves_nothing_by_whatever_hand(database, version, name):
    with database.write() as connection, pytest.raises(Denied, match="made triage@1"):
        approve(connection, REF, name, "", 7)


def test_only_the_words_of_others_count(database, version):
    with database.write() as connection:
        for name in ("user:a#1", "user:a#2", "user:a#2 (agent:helper)"):
            approve(connection, REF, name, "", 7)
        found = get_version(connection, REF)

        assert approvers(connection, found, "user:b#9") == {"user:a#1", "user:a#2"}
        assert approvers(connection, found, "user:a#2 (agent:x)") == {"user:a#1"}


def test_an_approval_of_other_bytes_does_not_count(database, version):
    row = {"model": "triage", "number": 1, "approver": "user:a#1", "reason": ""}
    with database.write() as connection:
        connection.execute(approvals.insert().values(digest="other", at_us=7, **row))
        found = get_version(connection, REF)

        assert approvers(connection, found, "user:b#9") == frozenset()


def test_what_does_not_exist_is_neither_approved_nor_withdrawn(database, version):
    other = parse("triage@2")
    for act in (approve, withdraw):
        with database.write() as connection, pytest.raises(NotFound):
            act(connection, other, "user:a#1", "", 7)


def test_a_withdrawn_version_stays_so_and_keeps_its_history(database, version):
    with database.write() as connection:
        approve(connection, REF, "user:a#1", "", 6)
        withdraw(connection, REF, "user:a#1", "leaks", 7)

    for act in (approve, withdraw):
        with database.write() as connection, pytest.raises(Conflict, match="withdrawn"):
            act(connection, REF, "user:a#2", "", 8)
    with database.read() as connection:
        assert withdrawn(connection) == {REF}
        assert get_version(connection, REF) == version
        assert len(list_approvals(connection, REF)) == 1
