"""Keys: shown once, stored as digests, and gone when they expire or are revoked."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from roadbed.audit import outbox
from roadbed.core.errors import Conflict, Invalid, NotFound, Unauthenticated
from roadbed.database.tables import current
from roadbed.identity import tables
from roadbed.identity.credentials import load_credentials
from roadbed.identity.directory import NOBODY_KNOWN, Directory, Known
from roadbed.identity.keys import (
    DAY_US,
    HOUR_US,
    MAX_LIFETIME_US,
    create_bootstrap,
    create_key,
    list_keys,
    redeem_bootstrap,
    revoke_key,
)
from roadbed.identity.tokens import credential_digest
from tests.principals import NOW

CLAIMS = Known(roles=frozenset({"app"}), labels={"team": "risk"}, tenant="north")
DIRECTORY = Directory(accounts={"claims": CLAIMS, "operator": Known()})
KEYED = frozenset(DIRECTORY.accounts)


@pytest.fixture
def do(database):
    """Call a function of keys in a transaction of its own."""

    def run(function, *words, **named):
        with database.write() as connection:
            return function(connection, *words, **named)

    return run


def make(do, account="claims", now_us=NOW, **named):
    return do(create_key, account, now_us=now_us, created_by="user:ada", **named)


def logged(connection):
    found = outbox.logged(connection, lambda _: ())
    return [(entry.actor, entry.action, entry.resource) for entry in found]


def everything(connection):
    """Return all that the database holds, as one text."""
    rows = [
        connection.execute(t.select()).all()
        for t in tables.keys.metadata.tables.values()
    ]
    return repr(rows)


def test_a_key_proves_its_account(do):
    key = make(do)
    [(digest, principal)] = do(load_credentials, DIRECTORY, KEYED, NOW).items()

    assert digest == credential_digest(key.secret.reveal()) == principal.digest
    assert (str(principal), principal.tenant) == ("service-account:claims", "north")
    assert principal.roles == {"app"}
    assert principal.labels == (("team", "risk"),)
    assert (principal.credential, principal.expires_us) == (key.id, key.expires_us)


def test_no_secret_is_stored_logged_or_shown(do):
    keys = [make(do), do(redeem_bootstrap, do(create_bootstrap, NOW).reveal(), NOW)]
    token = do(create_bootstrap, NOW)
    shown = repr(keys) + repr(token) + str(token) + do(everything) + repr(do(list_keys))

    for secret in (*(key.secret for key in keys), token):
        assert secret.reveal() not in shown
        assert secret.reveal().rpartition("_")[2] not in shown


def test_a_key_says_what_it_is_and_is_never_made_twice(do):
    keys = [make(do), make(do)]

    for key in keys:
        assert re.fullmatch(rf"rbk_{key.id}_[0-9a-f]{{64}}", key.secret.reveal())
    assert keys[0].id != keys[1].id
    assert keys[0].secret != keys[1].secret


def test_a_key_stops_proving_when_it_expires(do):
    key = make(do, lifetime_us=DAY_US)

    assert do(load_credentials, DIRECTORY, KEYED, key.expires_us - 1)
    assert not do(load_credentials, DIRECTORY, KEYED, key.expires_us)


def test_a_revoked_key_proves_nothing_and_stays_on_the_list(do):
    key = make(do)
    do(revoke_key, key.id, NOW + 5, revoked_by="user:bob")
    do(revoke_key, key.id, NOW + 9, revoked_by="user:eve")

    [info] = do(list_keys)
    assert not do(load_credentials, DIRECTORY, KEYED, NOW)
    assert (info.revoked_us, info.revoked_by) == (NOW + 5, "user:bob")
    assert not info.live(NOW)
    with pytest.raises(NotFound):
        do(revoke_key, "nothing", NOW, revoked_by="user:bob")


def test_a_key_of_an_account_that_is_gone_proves_nothing(do):
    make(do)

    assert do(load_credentials, NOBODY_KNOWN, KEYED, NOW) == {}
    assert do(load_credentials, DIRECTORY, {"operator"}, NOW) == {}


def test_every_change_is_in_the_audit_log_and_wakes_the_replicas(do, database):
    key = make(do)
    do(revoke_key, key.id, NOW, revoked_by="user:bob")

    with database.read() as connection:
        assert current(connection, "serving") == 2
        assert logged(connection) == [
            ("user:ada", "key.create", f"Key/{key.id}"),
            ("user:bob", "key.revoke", f"Key/{key.id}"),
        ]


def test_two_keys_of_an_account_live_side_by_side_and_no_third(do):
    first, second = make(do), make(do)
    with pytest.raises(Conflict, match="2 live keys"):
        make(do)
    do(revoke_key, first.id, NOW, revoked_by="user:ada")
    third = make(do)

    assert len(do(load_credentials, DIRECTORY, KEYED, NOW)) == 2
    assert {k.id for k in do(list_keys) if k.live(NOW)} == {second.id, third.id}
    assert len(do(logged)) == 4


def test_no_third_key_slips_in_between_two_writers(do):
    def attempt(_):
        try:
            return make(do)
        except Conflict:
            return None

    with ThreadPoolExecutor(6) as pool:
        made = [key for key in pool.map(attempt, range(6)) if key]

    assert len(made) == len(do(load_credentials, DIRECTORY, KEYED, NOW)) == 2


@pytest.mark.parametrize("lifetime_us", [0, -1, MAX_LIFETIME_US + 1])
def test_a_key_lives_neither_for_ever_nor_not_at_all(do, lifetime_us):
    with pytest.raises(Invalid, match="90 days"):
        make(do, lifetime_us=lifetime_us)
    assert make(do, lifetime_us=MAX_LIFETIME_US).expires_us == NOW + 90 * DAY_US


@pytest.mark.parametrize("name", ["", "Claims", "a b", "x'; DROP TABLE access_keys"])
def test_a_key_is_made_for_a_name_only(do, name):
    with pytest.raises(Invalid):
        make(do, account=name)
    assert do(list_keys) == []


def test_a_bootstrap_token_buys_one_key_of_the_operator(do):
    token = do(create_bootstrap, NOW)
    key = do(redeem_bootstrap, token.reveal(), NOW + HOUR_US - 1)

    assert key.account == "operator"
    assert token.reveal().startswith("rbt_")
    assert do(load_credentials, DIRECTORY, KEYED, NOW)
    with pytest.raises(Unauthenticated):
        do(redeem_bootstrap, token.reveal(), NOW)


@pytest.mark.parametrize("token", ["", "rbt_", "rbt_" + "0" * 64, "' OR 1=1 --"])
def test_a_token_that_never_was_buys_nothing(do, token):
    do(create_bootstrap, NOW)

    with pytest.raises(Unauthenticated, match="never was"):
        do(redeem_bootstrap, token, NOW)
    assert do(list_keys) == []


def test_a_bootstrap_token_expires_after_an_hour(do):
    token = do(create_bootstrap, NOW)

    with pytest.raises(Unauthenticated):
        do(redeem_bootstrap, token.reveal(), NOW + HOUR_US)


def test_a_new_bootstrap_token_replaces_the_unused_one(do):
    old, new = do(create_bootstrap, NOW), do(create_bootstrap, NOW)

    with pytest.raises(Unauthenticated):
        do(redeem_bootstrap, old.reveal(), NOW)
    assert do(redeem_bootstrap, new.reveal(), NOW)


def test_a_bootstrap_token_is_redeemed_once_however_many_try(do):
    token = do(create_bootstrap, NOW).reveal()

    def attempt(_):
        try:
            return do(redeem_bootstrap, token, NOW)
        except Unauthenticated:
            return None

    with ThreadPoolExecutor(6) as pool:
        won = [key for key in pool.map(attempt, range(6)) if key]

    assert len(won) == len(do(list_keys)) == 1


def test_who_lost_all_keys_gets_back_in(do):
    lost = [make(do, "operator", now_us=NOW + n) for n in range(2)]
    token = do(create_bootstrap, NOW)
    new = do(redeem_bootstrap, token.reveal(), NOW + 2)

    live = {key.id for key in do(list_keys) if key.live(NOW + 2)}
    assert live == {lost[1].id, new.id}
    assert ("bootstrap-token", "key.revoke", f"Key/{lost[0].id}") in do(logged)
