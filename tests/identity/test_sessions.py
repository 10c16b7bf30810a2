"""Console sessions end by the clock, by the key, or by hand."""

from dataclasses import replace

import pytest

from roadbed.audit.outbox import logged
from roadbed.core.errors import Unauthenticated
from roadbed.identity import tables
from roadbed.identity.credentials import load_credentials
from roadbed.identity.directory import Directory, Known
from roadbed.identity.keys import create_key, revoke_key
from roadbed.identity.sessions import (
    LIFETIME_US,
    end_session,
    find_session,
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
