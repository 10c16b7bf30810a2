"""Tokens: what is not exactly right is refused, and nothing of it is repeated."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from roadbed.core.errors import Unauthenticated
from roadbed.identity.jwt import (
    FOREIGN_LIFETIME_US,
    LEEWAY_US,
    PLAIN,
    Expected,
    keys_of,
    looks_like,
    read,
    verify,
)
from tests.issuers import SECOND, Minter, made_key, part
from tests.principals import NOW

MINTER = Minter()
EXPECTED = Expected(
    issuer=MINTER.issuer,
    audience="roadbed",
    types=PLAIN,
    lifetime_us=FOREIGN_LIFETIME_US,
)
LISTS = Expected(
    issuer=MINTER.issuer,
    audience="roadbed",
    types=PLAIN,
    lifetime_us=FOREIGN_LIFETIME_US,
    lists=True,
)
KEYS = keys_of(MINTER.jwks)
SECONDS = NOW // SECOND
CANARY = "canary-7f3a"


def refused(token, match=None, expected=EXPECTED, now_us=NOW):
    with pytest.raises(Unauthenticated, match=match) as caught:
        verify(token, KEYS, expected, now_us)
    assert CANARY not in str(caught.value) + caught.value.hint
    return True


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_token_proves_what_its_issuer_signed(algorithm):
    minter = Minter(algorithm=algorithm)
    claims = verify(minter.token(), keys_of(minter.jwks), EXPECTED, NOW)

    assert (claims["sub"], claims["aud"]) == ("someone", "roadbed")


def test_a_type_may_be_left_out_only_where_it_is_expected_to_be():
    token = MINTER.token(header={"typ": ...})
    strict = Expected(
        issuer=MINTER.issuer, audience="roadbed", types={"at+jwt"}, lifetime_us=10**12
    )

    assert verify(token, KEYS, EXPECTED, NOW)
    assert refused(token, "another type", strict)
    assert refused(MINTER.token(header={"typ": "at+jwt"}), "another type")


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ({"kid": ...}, "names no key"),
        ({"kid": ""}, "names no key"),
        ({"kid": CANARY}, "names no key"),
        ({"kid": ["one"]}, "names no key"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"alg": "RS256"}, "algorithm"),
        ({"alg": ...}, "algorithm"),
        ({"alg": ["ES256"]}, "algorithm"),
        ({"typ": CANARY}, "another type"),
        ({"typ": None}, "another type"),
        ({"typ": ["JWT"]}, "another type"),
        ({"crit": ["exp"]}, "what is refused"),
        ({"crit": [CANARY], CANARY: 1}, "what is refused"),
        ({"b64": False}, "what is refused"),
        ({"jwk": made_key().as_dict(private=False)}, "what is refused"),
        ({"jku": "https://elsewhere.example"}, "what is refused"),
    ],
)
def test_a_header_that_asks_for_anything_else_is_refused(header, match):
    assert refused(MINTER.token(header=header), match)


@pytest.mark.parametrize(
    ("claims", "match"),
    [
        ({"iss": [MINTER.issuer]}, "another issuer"),
        ({"iss": [MINTER.issuer, CANARY]}, "another issuer"),
        ({"iss": ...}, "another issuer"),
        ({"iss": MINTER.issuer + "/"}, "another issuer"),
        ({"aud": []}, "another audience"),
        ({"aud": ["roadbed"]}, "another audience"),
        ({"aud": ["roadbed", CANARY]}, "another audience"),
        ({"aud": f"roadbed {CANARY}"}, "another audience"),
        ({"aud": "roadbe"}, "another audience"),
        ({"aud": ...}, "another audience"),
        ({"aud": {"roadbed": 1}}, "another audience"),
        ({"sub": ""}, "no subject"),
        ({"sub": ...}, "no subject"),
        ({"sub": 7}, "no subject"),
        ({"sub": "a\nb"}, "no subject"),
        ({"sub": "a" * 256}, "no subject"),
        ({"exp": ...}, "whole seconds"),
        ({"exp": str(SECONDS + 300)}, "whole seconds"),
        ({"exp": True}, "whole seconds"),
        ({"exp": SECONDS + 0.5}, "whole seconds"),
        ({"iat": ...}, "whole seconds"),
        ({"nbf": "0"}, "whole seconds"),
        ({"exp": SECONDS}, "expired"),
        ({"iat": SECONDS + 61}, "not valid yet"),
        ({"nbf": SECONDS + 61}, "not valid yet"),
        ({"exp": 30 * 10**15}, "longer than"),
        ({"exp": SECONDS + 86_401, "iat": SECONDS}, "longer than"),
        ({"iat": -(10**9)}, "longer than"),
        ({"iat": SECONDS + 30, "exp": SECONDS + 20}, "longer than"),
    ],
)
def test_claims_that_are_not_exactly_right_are_refused(claims, match):
    assert refused(MINTER.token(**claims), match)


def test_a_list_of_one_audience_is_taken_only_from_who_may_write_one():
    assert verify(MINTER.token(aud=["roadbed"]), KEYS, LISTS, NOW)
    assert refused(MINTER.token(aud=["roadbed"]), "another audience")
    for audience in (
        [],
        ["roadbed", "other"],
        ["other"],
        [["roadbed"]],
        ["roadbed"] * 2,
    ):
        assert refused(MINTER.token(aud=audience), "another audience", LISTS)


def test_a_token_signed_by_another_key_of_the_same_name_is_refused():
    assert refused(Minter().token(), "signature")


def test_a_public_key_used_as_a_password_proves_nothing():
    weak = {"kty": "oct", "k": part(b"secret"), "kid": "oct"}

    assert keys_of({"keys": [weak]}) == {}


def test_other_forms_than_three_parts_are_not_even_read():
    general = {"payload": part({}), "signatures": []}
    for token in ("", "a", "a.b", "a.b.c.d", "..", "a..c", "a.b.", json.dumps(general)):
        assert not looks_like(token)
        assert refused(token, "no compact JWT")
    assert refused("a" * 3000 + "." + "b" * 3000 + "." + "c" * 3000, "no compact JWT")
    assert refused(MINTER.token() + "\n", "no compact JWT")


def test_what_can_be_spelled_two_ways_is_refused():
    header, claims, signature = MINTER.token().split(".")
    twice = b'{"alg":"ES256","kid":"one","kid":"two"}'

    for odd in (twice, b"[1]", b"[" * 4000, b'{"a":NaN}', b"\xff", b"1" * 5000):
        assert refused(f"{part(odd)}.{claims}.{signature}", "no JSON object")
        assert refused(f"{header}.{part(odd)}.{signature}", "no JSON object")
    assert refused(f"{header}.{claims}.{signature[:-1]}_", "base64url")


def test_a_weak_a_nameless_and_a_doubled_key_verify_nothing():
    strong, other = made_key().as_dict(private=False), made_key().as_dict(private=False)
    with pytest.warns(match="2048"):
        weak = RSAKey.generate_key(1024, {"kid": "weak"}).as_dict(private=False)

    assert keys_of({"keys": [strong, other]}) == {}
    assert keys_of({"keys": [weak]}) == {}
    for change in ({"kid": ""}, {"use": "enc"}, {"alg": "HS256"}, {"crv": "P-384"}):
        assert keys_of({"keys": [strong | change]}) == {}
    assert keys_of({"keys": [made_key().as_dict(private=True)]}) == {}
    for nothing in (None, {}, {"keys": 1}, {"keys": [1, None, "a"]}, []):
        assert keys_of(nothing) == {}


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
@example("a.b.c")
@example("e30.e30.e30")
def test_whatever_is_sent_is_refused_in_words(text):
    assert refused(text)


@given(st.data())
def test_no_changed_token_verifies(data):
    token = MINTER.token()
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[at]))

    assert refused(token[:at] + letter + token[at + 1 :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.sampled_from(["iss", "aud", "exp", "iat", "sub", "nbf"]), JSON)
def test_a_claim_of_any_other_kind_is_refused_or_is_what_it_says(name, value):
    try:
        claims = verify(MINTER.token(**{name: value}), KEYS, EXPECTED, NOW)
    except Unauthenticated:
        return

    assert type(claims[name]) is (int if name in ("exp", "iat", "nbf") else str)
    assert NOW < claims["exp"] * SECOND <= NOW + FOREIGN_LIFETIME_US + LEEWAY_US


def test_what_a_token_says_can_be_read_without_believing_it():
    told = read(MINTER.token())
    odd = read(MINTER.token(iss=["a"], header={"kid": 7}))

    assert (told.issuer, told.kid) == (MINTER.issuer, "one")
    assert (odd.issuer, odd.kid) == ("", "")
