"""Console sessions end by the clock, by the key, or by hand."""

from dataclasses import replace

import pytest

from roadbed.audit.outbox import logged
from roadbed.core.errors import Unauthenticated
from roadbed.identity import tables
from roadbed.identity.credentials import load_credentials
from roadbed.identity.directory import Directory, Known, Subject
from roadbed.identity.keys import create_key, revoke_key
from roadbed.identity.oidc import FRESH_US, Proven
from roadbed.identity.sessions import (
    LIFETIME_US,
    end_session,
    end_sessions,
    find_session,
    open_person_session,
    open_session,
)
from tests.principals import NOW, account


@pytest.fixture
def signed_in(database):
    """A key, its principal, and the token of a session that it opened."""
    with database.write() as connection:
        key = create_key(connection, "claims", now_us=NOW, created_by="user:ada")
        directory = Directory(accounts={"claims": Known(roles=frozenset({"viewer"}))})
        [principal] = load_credentials(connection, directory, {"claims"}, NOW).values()
        token = open_session(connection, principal, NOW)
    return key, principal, token


def find(database, token, now_us=NOW):
    with database.read() as connection:
        return find_session(connection, token.reveal(), now_us)


def test_a_session_leads_to_the_key_that_opened_it(database, signed_in):
    _, principal, token = signed_in

    session = find(database, token)
    assert session.key_digest == principal.digest
    assert session.principal == "service-account:claims"
    assert token.reveal().startswith("rbs_")


def test_a_session_ends_after_eight_hours(database, signed_in):
    _, _, token = signed_in

    assert find(database, token, NOW + LIFETIME_US - 1)
    assert find(database, token, NOW + LIFETIME_US) is None


def test_a_session_ends_with_its_key(database, signed_in):
    key, _, token = signed_in
    with database.write() as connection:
        revoke_key(connection, key.id, NOW, revoked_by="user:ada")

    assert find(database, token) is None


def test_a_session_never_outlives_its_key(database, signed_in):
    _, principal, _ = signed_in
    with database.write() as connection:
        short = replace(principal, expires_us=NOW + 5)
        token = open_session(connection, short, NOW)

    assert find(database, token, NOW + 4)
    assert find(database, token, NOW + 5) is None


def test_a_session_ends_by_hand_and_only_once(database, signed_in):
    _, _, token = signed_in
    for _ in range(2):
        with database.write() as connection:
            end_session(connection, token.reveal(), NOW)

    assert find(database, token) is None
    with database.read() as connection:
        assert len(logged(connection, lambda _: ())) == 3


def test_no_other_token_opens_a_session(database, signed_in):
    _, principal, token = signed_in
    for wrong in ("", token.reveal()[:-1], principal.digest, "' OR 1=1 --"):
        with database.read() as connection:
            assert find_session(connection, wrong, NOW) is None


def test_a_session_needs_a_key(database):
    with database.write() as connection, pytest.raises(Unauthenticated):
        open_session(connection, replace(account(), digest=""), NOW)


def test_sessions_that_are_over_are_swept_away(database, signed_in):
    _, principal, _ = signed_in
    later = NOW + LIFETIME_US
    with database.write() as connection:
        open_session(connection, principal, later)
        rows = connection.execute(tables.sessions.select()).all()

    assert len(rows) == 1


ADA = Subject(
    kind="user",
    name="2489",
    issuer="https://login.example.com",
    groups=frozenset({"risk", "eng"}),
    title="Ada",
)
PROVEN = Proven(
    subject=ADA,
    authenticated_us=NOW - 60_000_000,
    methods=frozenset({"pwd"}),
    expires_us=NOW + 3_600_000_000,
)


@pytest.fixture
def person(database):
    """The token of Ada's session."""
    with database.write() as connection:
        return open_person_session(connection, PROVEN, "company", NOW)


def test_a_session_of_a_person_remembers_what_the_provider_said(database, person):
    found = find(database, person)

    assert (found.subject, found.methods) == (ADA, {"pwd"})
    assert found.fresh_until_us == NOW - 60_000_000 + FRESH_US
    assert found.principal == "user:https://login.example.com#2489"


def test_a_session_of_a_person_ends_after_eight_hours_too(database, person):
    assert find(database, person, NOW + LIFETIME_US - 1)
    assert find(database, person, NOW + LIFETIME_US) is None


def test_signing_in_and_out_is_on_the_audit_log(database, person):
    with database.write() as connection:
        end_session(connection, person.reveal(), NOW)
        told = [(e.actor, e.action) for e in logged(connection, lambda _: ())]

    who = "user:https://login.example.com#2489"
    assert told == [(who, "session.open"), (who, "session.end")]
    assert find(database, person) is None


def test_all_sessions_of_a_person_end_at_once_and_nobody_elses(database, person):
    stranger = replace(PROVEN, subject=replace(ADA, issuer="https://other.example"))
    with database.write() as connection:
        second = open_person_session(connection, PROVEN, "company", NOW)
        other = open_person_session(connection, stranger, "other", NOW)
        ended = end_sessions(connection, ADA)

    assert ended == 2
    assert find(database, person) is None is find(database, second)
    assert find(database, other).subject.issuer == "https://other.example"


def test_a_session_of_a_person_holds_no_token_of_theirs(database, person):
    with database.read() as connection:
        [row] = connection.execute(tables.person_sessions.select()).all()

    assert person.reveal() not in repr(row)
