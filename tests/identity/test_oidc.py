"""What is asked of identity providers, and what their answers must say."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.errors import Denied, Unauthenticated
from roadbed.core.secret import Secret
from roadbed.identity import oidc
from roadbed.identity.directory import Company
from tests.principals import NOW

IDP, BACK = "https://login.example.com", "https://line.example/console/callback"
COMPANY = Company(name="company", issuer=IDP, client_id="roadbed")
BROWSER = Secret("b" * 43)
PROOF = oidc.proof_of(BROWSER, "state")
SECONDS = NOW // 1_000_000
CLAIMS = {
    "iss": IDP,
    "sub": "2489",
    "aud": "roadbed",
    "iat": SECONDS,
    "exp": SECONDS + 3600,
    "nonce": PROOF.nonce,
    "auth_time": SECONDS - 60,
    "groups": ["risk", "eng"],
    "amr": ["pwd", "otp"],
    "name": "Ada",
    "email": "ada@example.com",
}
PROMISES = {"authorization_response_iss_parameter_supported": True}


def asked(again=False, endpoint=f"{IDP}/auth"):
    url = oidc.authorization_url(endpoint, COMPANY, PROOF, BACK, again=again)
    assert url.startswith(endpoint)
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def proven(**claims):
    return oidc.proven_by(CLAIMS | claims, COMPANY, "roadbed")


def test_a_sign_in_asks_for_a_code_that_only_this_browser_can_redeem():
    said = asked()
    digest = hashlib.sha256(PROOF.verifier.reveal().encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    assert said["response_type"] == "code"
    assert (said["code_challenge"], said["code_challenge_method"]) == (
        challenge,
        "S256",
    )
    assert (said["state"], said["nonce"]) == ("state", PROOF.nonce)
    assert (said["redirect_uri"], said["max_age"]) == (BACK, "28800")
    assert PROOF.verifier.reveal() not in str(said)


def test_signing_in_again_lets_no_old_sign_in_do():
    said = asked(again=True)

    assert (said["max_age"], said["prompt"]) == ("0", "login")


def test_an_endpoint_with_a_query_keeps_it():
    assert asked(endpoint=f"{IDP}/auth?tenant=a")["tenant"] == "a"


def test_the_verifier_is_as_long_as_the_standard_asks_and_its_own():
    other = oidc.proof_of(Secret("c" * 43), "state")
    later = oidc.proof_of(BROWSER, "another state")

    assert 43 <= len(PROOF.verifier.reveal()) <= 128
    assert len({p.verifier for p in (PROOF, other, later)}) == 3
    assert len({p.nonce for p in (PROOF, other, later)}) == 3
    assert PROOF.verifier.reveal() not in repr(PROOF)


def test_a_code_comes_from_the_issuer_that_was_asked():
    assert oidc.code_of({"code": "x", "iss": IDP}, IDP, PROMISES).reveal() == "x"
    assert oidc.code_of({"code": "x"}, IDP, {}).reveal() == "x"
    for query in ({"code": "x"}, {"code": "x", "iss": "https://evil.example"}):
        with pytest.raises(Unauthenticated, match="provider that was asked"):
            oidc.code_of(query, IDP, PROMISES)
    with pytest.raises(Unauthenticated):
        oidc.code_of({"code": "x", "iss": IDP + "/"}, IDP, {})


@pytest.mark.parametrize("query", [{}, {"code": ""}])
def test_an_answer_without_a_code_is_none(query):
    with pytest.raises(Unauthenticated, match="no code"):
        oidc.code_of(query, IDP, {})


def test_what_the_provider_says_is_shown_as_plain_text():
    query = {"error": "access_denied", "error_description": "no\x1b[31m\nway" * 99}
    with pytest.raises(Denied) as refusal:
        oidc.code_of(query, IDP, {})

    assert "access_denied: no" in refusal.value.message
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 300


def test_a_client_proves_itself_in_the_header_unless_only_the_form_will_do():
    secret = Secret("a:b%")
    headers, fields = oidc.client_proof("road bed", secret, {})
    only_form = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    said = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert (said, fields) == ("road%20bed:a%3Ab%25", {})
    assert oidc.client_proof("x", secret, only_form) == ({}, {"client_secret": "a:b%"})
    assert oidc.client_proof("x", None, {}) == ({}, {})


def test_a_person_is_the_subject_and_nothing_else():
    found = proven()

    assert str(found.subject) == f"user:{IDP}#2489"
    assert found.subject.groups == {"risk", "eng"}
    assert (found.subject.title, found.methods) == ("Ada", {"pwd", "otp"})
    assert found.authenticated_us == NOW - 60_000_000
    assert found.fresh_until_us == NOW - 60_000_000 + 15 * 60_000_000
    assert "example.com" not in found.subject.title


@pytest.mark.parametrize("claim", [None, True, "1", -5, float("nan"), 10**18])
def test_who_does_not_say_when_they_proved_it_never_counts_as_fresh(claim):
    assert proven(auth_time=claim).fresh_until_us == 0


def test_fractions_of_a_second_are_cut_off():
    assert proven(auth_time=SECONDS - 0.25).authenticated_us == NOW - 1_000_000


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ("eng", {"eng"}),
        (["a", 1, None, ["b"], ""], {"a"}),
        ({"eng": True}, set()),
        (None, set()),
        ([str(n) for n in range(501)], set()),
    ],
)
def test_groups_are_texts_and_not_too_many(groups, found):
    assert proven(groups=groups).subject.groups == found


def test_a_token_of_another_party_proves_nobody():
    with pytest.raises(Unauthenticated, match="another party"):
        proven(azp="other")


@given(st.text(max_size=300))
def test_a_title_is_short_and_printable(name):
    title = proven(name=name).subject.title

    assert len(title) <= 120 and (title.isprintable() or not title)


@pytest.mark.parametrize("nonce", [None, "", "other", 1, PROOF.nonce + "x"])
def test_a_token_of_another_sign_in_is_refused(nonce):
    with pytest.raises(Unauthenticated, match="another sign-in"):
        oidc.check_code_flow(CLAIMS | {"nonce": nonce}, PROOF, "", NOW)


def test_a_token_goes_with_its_access_token_and_is_new():
    half = hashlib.sha256(b"access").digest()[:16]
    right = CLAIMS | {"at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode()}
    oidc.check_code_flow(right, PROOF, "access", NOW)

    with pytest.raises(Unauthenticated, match="another access token"):
        oidc.check_code_flow(right, PROOF, "other", NOW)
    with pytest.raises(Unauthenticated, match="long ago"):
        oidc.check_code_flow(right, PROOF, "access", NOW + 601_000_000)


def test_who_had_to_prove_it_anew_did_so():
    oidc.check_age(proven(auth_time=SECONDS), NOW, again=True)
    oidc.check_age(proven(auth_time=None), NOW, again=False)

    for old in (SECONDS - 3600, None):
        with pytest.raises(Unauthenticated, match="ask anew"):
            oidc.check_age(proven(auth_time=old), NOW, again=True)
