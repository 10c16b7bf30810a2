"""Our tokens on the request path: known for a while, and never longer than is right."""

from dataclasses import replace

import pytest

from roadbed.adapters.signers.local import LocalSigners
from roadbed.core.errors import Invalid, Unauthenticated
from roadbed.database.tables import current
from roadbed.identity.access_token import claims_of
from roadbed.identity.directory import Company, Directory, Known, Rule, Subject
from roadbed.identity.exchange import SECOND_US, Wish, decide
from roadbed.identity.load import load_verifier
from roadbed.identity.proof import FRESH_US, Proof
from roadbed.identity.revocations import (
    KEPT_US,
    load_revoked,
    revoke_subject,
    revoke_token,
)
from roadbed.identity.signing import Signing
from tests.principals import NOW, account

US = "https://us.example"
RULE = Rule(
    name="ci",
    issuer="https://ci.example",
    audience="us",
    claims={"project_id": "7"},
    subject=Subject(kind="service-account", name="ci"),
)
ADA = Subject(
    kind="user", name="7", issuer="https://i.example", groups=frozenset({"eng"})
)
DIRECTORY = Directory(
    accounts={"ci": Known(roles=frozenset({"ci"})), "legacy": Known()},
    agents={"triage": Known(mandate=frozenset({"model.read"}))},
    companies={"https://i.example": Company(name="company", tenant="north")},
    bindings={"group:company/eng": frozenset({"viewer"})},
    rules=(RULE,),
)


class Room:
    """A database, a key to sign with, and what a replica knows of it at a moment."""

    def __init__(self, database, folder):
        self.database = database
        self.signing = Signing(database, LocalSigners(folder), lambda: NOW)
        self.kid = self.signing.ensure()

    def token(self, subject=RULE.subject, jti="one", actor=None, **more):
        usual = {
            "subject": subject,
            "expires_us": NOW + 3600 * SECOND_US,
            "authenticated_us": NOW,
            "since_us": NOW,
        }
        acting = actor and Proof(**(usual | {"subject": actor}))
        wish = Wish(audience=US)
        grant = decide(Proof(**(usual | more)), acting, wish, NOW, jti)
        return self.signing.sign(claims_of(grant, US))

    def verifier(self, directory=DIRECTORY, credentials=None, now_us=NOW):
        with self.database.read() as connection:
            return load_verifier(connection, US, directory, credentials or {}, now_us)

    def do(self, function, *words):
        with self.database.write() as connection:
            function(connection, *words, revoked_by="user:ada")


@pytest.fixture
def room(database, tmp_path):
    return Room(database, tmp_path)


@pytest.fixture
def small(sqlite_database, tmp_path):
    return Room(sqlite_database, tmp_path)


def refused(verifier, token, match, now_us=NOW):
    with pytest.raises(Unauthenticated, match=match):
        verifier.authenticate(token, now_us)
    return True


def test_a_token_proves_its_holder_with_the_rights_of_now(small):
    token = small.token(ADA, methods=frozenset({"mfa"}))
    ada = small.verifier().authenticate(token, NOW)
    later = small.verifier(Directory(companies=DIRECTORY.companies)).authenticate(
        token, NOW
    )

    assert (ada.kind, ada.name) == ("user", "https://i.example#7")
    assert (ada.roles, ada.tenant, ada.groups) == (
        {"viewer"},
        "north",
        {"company/eng"},
    )
    assert (ada.methods, ada.credential) == ({"mfa"}, "one")
    assert ada.fresh_until_us == NOW + FRESH_US
    assert later.roles == frozenset()


def test_whoever_is_not_declared_any_more_is_nobody(small):
    alone = small.token()
    delegated = small.token(ADA, actor=Subject(kind="agent", name="triage"))
    without = Directory(companies=DIRECTORY.companies)

    assert (
        small.verifier().authenticate(delegated, NOW).chain.endswith("(agent:triage)")
    )
    for token in (alone, delegated):
        assert refused(small.verifier(without), token, "not known here")


def test_a_token_ends_with_the_rule_that_it_was_made_by(small):
    token = small.token(via=(f"federation:{RULE.id}",))
    stricter = Rule(
        name="ci",
        issuer=RULE.issuer,
        audience="us",
        claims={"project_id": "7", "ref": "main"},
        subject=RULE.subject,
    )
    changed = Directory(accounts=DIRECTORY.accounts, rules=(stricter,))

    assert small.verifier().authenticate(token, NOW)
    assert refused(small.verifier(changed), token, "revoked")


def test_a_token_ends_with_the_key_that_bought_it(small):
    token = small.token(Subject(kind="service-account", name="legacy"), via=("key:k1",))
    holder = account("legacy", "viewer")
    ends_us = NOW + 60 * SECOND_US
    held = {"digest": holder_of(holder, "k1", ends_us)}
    verifier = small.verifier(credentials=held)

    assert verifier.authenticate(token, ends_us - 1)
    assert refused(verifier, token, "expired", ends_us)
    assert refused(small.verifier(), token, "revoked")


def holder_of(principal, credential, expires_us):
    return replace(principal, credential=credential, expires_us=expires_us)


def test_a_revoked_token_is_refused_with_all_that_came_of_it(room):
    token, heir = room.token(), room.token(jti="two", via=("jti:one",))
    other = room.token(jti="three")
    room.do(revoke_token, "one", NOW)
    verifier = room.verifier()

    assert refused(verifier, token, "revoked")
    assert refused(verifier, heir, "revoked")
    assert verifier.authenticate(other, NOW)


def test_all_tokens_of_a_subject_end_at_once_and_later_ones_work(room):
    agent = Subject(kind="agent", name="triage")
    old, delegated = room.token(agent), room.token(ADA, jti="two", actor=agent)
    room.do(revoke_subject, "agent:triage", NOW)
    new = room.token(agent, jti="three", since_us=NOW + 1)
    verifier = room.verifier()

    assert refused(verifier, old, "revoked")
    assert refused(verifier, delegated, "revoked")
    assert verifier.authenticate(room.token(ADA, jti="four"), NOW)
    assert refused(verifier, new, "revoked"), "made within the second of it"


def test_what_an_old_proof_buys_after_the_revocation_is_refused_too(room):
    room.do(revoke_subject, "service-account:ci", NOW - 5 * SECOND_US)
    stale = room.token(since_us=NOW - 60 * SECOND_US)
    fresh = room.token(jti="two", since_us=NOW)

    assert refused(room.verifier(), stale, "revoked")
    assert room.verifier().authenticate(fresh, NOW)


def test_a_revocation_is_written_once_told_to_all_and_forgotten_in_time(room):
    with room.database.read() as connection:
        before = current(connection, "serving")
    for _ in range(2):
        room.do(revoke_token, "one", NOW)
        room.do(revoke_subject, "agent:triage", NOW)
    room.do(revoke_subject, "agent:triage", NOW + 1)

    with room.database.read() as connection:
        assert current(connection, "serving") == before + 3
        assert load_revoked(connection, NOW).subjects == {"agent:triage": NOW + 1}
        assert load_revoked(connection, NOW + KEPT_US + 1).subjects == {}


@pytest.mark.parametrize("name", ["", "a" * 513, "a\nb"])
def test_what_is_no_name_is_not_revoked(small, name):
    for function in (revoke_token, revoke_subject):
        with pytest.raises(Invalid):
            small.do(function, name, NOW)


def test_memory_is_bounded_and_holds_no_token(small, monkeypatch):
    monkeypatch.setattr("roadbed.identity.verifier.REMEMBERED", 3)
    verifier = small.verifier()
    tokens = [small.token(jti=f"token-number-{n}") for n in range(8)]
    for token in tokens:
        verifier.authenticate(token, NOW)

    assert len(verifier._seen) <= 3
    assert not any(token.encode() in verifier._seen for token in tokens)
    assert "token-number" not in repr(verifier)


def test_a_snapshot_of_before_does_not_outlive_its_keys(small):
    token = small.token()
    verifier = small.verifier()
    until_us = verifier.keys[small.kid][1]
    known = verifier.authenticate(token, NOW)

    assert known.expires_us < until_us
    assert refused(verifier, token, "expired", known.expires_us)
    assert verifier.published(until_us) == {"keys": []}
    assert len(verifier.published(NOW)["keys"]) == 1
