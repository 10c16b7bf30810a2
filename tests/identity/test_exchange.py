"""An exchange gives what was presented, or less; whatever is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Denied, RoadbedError, Unauthenticated
from roadbed.identity.access_token import claims_of, proof_of
from roadbed.identity.directory import Subject, read_subject
from roadbed.identity.exchange import (
    LIFETIME_US,
    MAX_ACTORS,
    MAX_LINE,
    SECOND_US,
    Wish,
    WrongScope,
    decide,
)
from roadbed.identity.proof import Proof
from tests.principals import NOW

HOUR = 3600 * SECOND_US
ACTIONS = ["endpoint.infer", "model.read", "token.exchange", "run.write"]
WISH = Wish(audience="us")


def agent(name):
    return Subject(kind="agent", name=name)


def proof(subject=None, **more):
    usual = {
        "subject": subject or Subject(kind="service-account", name="ci"),
        "expires_us": NOW + HOUR,
        "authenticated_us": NOW - HOUR,
        "since_us": NOW - HOUR,
        "id": "before",
    }
    return Proof(**(usual | more))


scopes = st.none() | st.frozensets(st.sampled_from(ACTIONS))
subjects = st.builds(agent, st.sampled_from("abcdef")) | st.builds(
    lambda n: Subject(kind="user", name=n, issuer="https://i.example"), st.just("7")
)
moments = st.integers(NOW - 2 * HOUR, NOW + 2 * HOUR)
proofs = st.builds(
    Proof,
    subject=subjects,
    expires_us=moments,
    authenticated_us=st.integers(NOW - 2 * HOUR, NOW),
    since_us=st.integers(NOW - 2 * HOUR, NOW),
    scope=scopes,
    actors=st.lists(st.builds(agent, st.sampled_from("abcdef")), max_size=4).map(tuple),
    via=st.lists(st.sampled_from(["key:1", "jti:x", "federation:a"]), max_size=8).map(
        tuple
    ),
    id=st.sampled_from(["", "one", "two"]),
    binding=st.sampled_from(["", "k1", "k2"]),
)


@given(proofs, st.none() | proofs, scopes, st.sampled_from(["", "k1"]))
def test_what_comes_out_is_never_wider_than_what_went_in(subject, actor, scope, key):
    wish = Wish(audience="us", scope=scope, binding=key)
    try:
        grant = decide(subject, actor, wish, NOW, "new")
    except RoadbedError:
        return
    made, presented = grant.proof, [p for p in (subject, actor) if p is not None]

    assert made.subject == subject.subject
    assert NOW < made.expires_us <= min(p.expires_us for p in presented)
    assert made.expires_us - grant.issued_us <= LIFETIME_US
    assert made.authenticated_us == subject.authenticated_us
    assert made.since_us <= min(p.since_us for p in presented)
    for before in presented:
        assert before.scope is None or made.scope <= before.scope
        assert set(before.line) <= set(made.via)
        assert not before.binding or made.binding == before.binding
    assert scope is None or made.scope == scope
    assert len(made.actors) <= MAX_ACTORS
    assert set(subject.actors) <= set(made.actors)
    assert made.subject not in made.actors
    assert len(set(made.actors)) == len(made.actors)


def test_what_was_decided_is_what_the_token_says_and_is_read_as():
    ada = Subject(
        kind="user",
        name="7",
        issuer="https://i.example",
        groups=frozenset({"a", "b"}),
        title="Ada",
    )
    subject = proof(
        ada,
        actors=(agent("a"),),
        methods=frozenset({"mfa"}),
        scope=frozenset({"model.read"}),
        binding="thumb",
    )
    wish = Wish(audience="us", binding="thumb")
    grant = decide(subject, proof(agent("b"), id="actor"), wish, NOW, "new")
    claims = claims_of(grant, "https://us.example")

    assert claims["act"] == {"sub": "agent:b", "act": {"sub": "agent:a"}}
    assert claims["via"] == ["jti:before", "jti:actor"]
    assert proof_of(claims) == grant.proof


def test_scope_is_asked_for_within_what_was_shown():
    narrow = proof(scope=frozenset({"model.read", "run.write"}))
    wish = Wish(audience="us", scope=frozenset({"model.read", "endpoint.infer"}))

    with pytest.raises(WrongScope):
        decide(narrow, None, wish, NOW, "new")
    assert decide(narrow, None, WISH, NOW, "new").proof.scope == narrow.scope


def test_a_chain_ends_after_three_and_never_bites_its_tail():
    three = proof(actors=(agent("a"), agent("b"), agent("c")))
    with pytest.raises(Denied, match="more than 3"):
        decide(three, proof(agent("d"), id="x"), WISH, NOW, "new")
    for actor in (agent("a"), three.subject):
        two = proof(actors=(agent("a"), agent("b")))
        with pytest.raises(Denied, match="nobody acts for itself"):
            decide(two, proof(actor, id="x"), WISH, NOW, "new")

    assert len(decide(three, None, WISH, NOW, "new").proof.actors) == MAX_ACTORS


def test_a_person_acts_for_nobody_and_who_acts_proves_it_alone():
    person = proof(Subject(kind="user", name="7", issuer="https://i.example"))
    for actor in (person, proof(agent("b"), actors=(agent("a"),))):
        with pytest.raises(Denied):
            decide(proof(), actor, WISH, NOW, "new")


def test_what_has_ended_buys_nothing():
    for ends_us in (NOW, NOW - 1, NOW + SECOND_US - 1):
        with pytest.raises(Unauthenticated, match="expired"):
            decide(proof(expires_us=ends_us), None, WISH, NOW, "new")


def test_nobody_exchanges_for_ever_nor_with_endless_groups():
    line = tuple(f"jti:{n}" for n in range(MAX_LINE))
    with pytest.raises(Denied, match="too many exchanges"):
        decide(proof(via=line), None, WISH, NOW, "new")
    everywhere = Subject(
        kind="user",
        name="7",
        issuer="https://i.example",
        groups=frozenset(map(str, range(101))),
    )
    with pytest.raises(Denied, match="groups"):
        decide(proof(everywhere), None, WISH, NOW, "new")


def test_what_is_bound_to_a_key_buys_nothing_without_that_key():
    one, two = proof(binding="k1"), proof(agent("a"), id="x", binding="k2")
    for shown, actor in (("", None), ("k2", None), ("k1", two)):
        with pytest.raises(Unauthenticated, match="not shown"):
            decide(one, actor, Wish(audience="us", binding=shown), NOW, "new")

    assert decide(one, None, Wish(audience="us", binding="k1"), NOW, "new")


@given(st.text())
def test_a_subject_is_read_only_as_it_is_written(text):
    subject = read_subject(text)

    assert subject is None or str(subject) == text


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "operator"},
        {"jti": ""},
        {"via": "key:1"},
        {"via": ["x"] * 9},
        {"act": {"sub": "agent:a", "act": {"sub": "agent:b", "act": 1}}},
        {"auth_time": -1},
        {"auth_time": True},
        {"since": "1"},
        {"amr": "mfa"},
        {"groups": "all"},
        {"cnf": {"jkt": ""}},
        {"cnf": {"jkt": "a", "x5t#S256": "b"}},
        {"scope": ["model.read"]},
    ],
)
def test_claims_that_ours_never_have_are_refused(changed):
    ada = Subject(kind="user", name="7", issuer="https://i.example")
    grant = decide(proof(ada), None, WISH, NOW, "new")
    claims = claims_of(grant, "https://us.example") | changed

    with pytest.raises(Unauthenticated):
        proof_of(claims)
