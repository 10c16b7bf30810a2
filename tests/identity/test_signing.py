"""Keys that sign: one for each replica, verified by all, gone when their time is."""

import pytest

from roadbed.adapters.signers.local import LocalSigners
from roadbed.core.errors import NotFound
from roadbed.database.tables import current
from roadbed.identity.jwt import OURS_LIFETIME_US, Expected, read, verify
from roadbed.identity.signing import (
    EARLY_US,
    SIGNS_US,
    VERIFIES_US,
    Signing,
    load_verification_keys,
    retire_signing_key,
)
from roadbed.identity.tables import signing_keys
from tests.issuers import SECOND, made_key
from tests.principals import NOW

EXPECTED = Expected(
    issuer="us",
    audience="us",
    types=frozenset({"at+jwt"}),
    lifetime_us=OURS_LIFETIME_US,
)


class Replica:
    def __init__(self, database, folder):
        self.database, self.now_us = database, NOW
        self.signers = LocalSigners(folder)
        self.signing = Signing(database, self.signers, lambda: self.now_us)

    def token(self):
        now = self.now_us // SECOND
        claims = {"iss": "us", "aud": "us", "sub": "agent:a"}
        return self.signing.sign(claims | {"iat": now, "exp": now + 900})

    def known(self):
        with self.database.read() as connection:
            return load_verification_keys(connection, self.now_us)

    def believes(self, token):
        keys = {kid: key for kid, (key, _) in self.known().items()}
        return verify(token, keys, EXPECTED, self.now_us)["sub"] == "agent:a"


@pytest.fixture
def replicas(database, tmp_path):
    return [Replica(database, tmp_path / name) for name in ("one", "two")]


def test_each_replica_has_a_key_of_its_own_and_each_verifies_the_others(replicas):
    one, two = replicas
    tokens = [one.token(), two.token()]

    assert read(tokens[0]).kid != read(tokens[1]).kid
    assert all(r.believes(token) for r in replicas for token in tokens)


def test_a_key_is_made_once_and_each_new_one_is_told_to_all(replicas):
    one, _ = replicas
    kids = {one.signing.ensure() for _ in range(3)}
    again = Signing(one.database, one.signers, lambda: NOW)

    assert kids == {again.ensure()}
    with one.database.read() as connection:
        assert current(connection, "serving") == 1


def test_a_key_gives_way_after_a_month_and_verifies_what_it_signed(replicas):
    one, _ = replicas
    first = one.signing.ensure()
    one.now_us = NOW + SIGNS_US - EARLY_US - 1
    last = one.token()
    one.now_us += 1
    second = one.token()

    assert read(last).kid == first != read(second).kid
    assert one.believes(last)
    assert one.believes(second)


def test_a_key_that_is_over_is_forgotten_and_verifies_nothing(replicas):
    one, _ = replicas
    first = one.signing.ensure()
    one.now_us = NOW + VERIFIES_US
    one.signing.ensure()

    assert not one.signers.holds(first)
    assert first not in one.known()


def test_a_retired_key_neither_signs_nor_verifies(replicas):
    one, two = replicas
    token = one.token()
    with one.database.write() as connection:
        for _ in range(2):
            retire_signing_key(connection, read(token).kid, NOW, retired_by="user:ada")

    assert read(token).kid not in two.known()
    assert read(one.token()).kid != read(token).kid
    assert not one.signers.holds(read(token).kid)
    with pytest.raises(NotFound), one.database.write() as connection:
        retire_signing_key(connection, "nothing", NOW, retired_by="user:ada")


def test_a_row_whose_name_is_not_its_keys_verifies_nothing(replicas):
    one, _ = replicas
    jwk = made_key(kid="other").as_dict(private=False)
    rows = [("renamed", jwk), ("empty", {})]
    with one.database.write() as connection:
        for kid, value in rows:
            connection.execute(
                signing_keys.insert().values(
                    kid=kid, jwk=value, created_us=NOW, expires_us=NOW + 1
                )
            )

    assert one.known() == {}


def test_no_private_key_is_in_the_database(replicas):
    one, _ = replicas
    one.signing.ensure()
    with one.database.read() as connection:
        [row] = connection.execute(signing_keys.select()).all()

    assert set(row.jwk) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
