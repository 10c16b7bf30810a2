"""Roadbed as the party that relies on identity providers, against two real ones."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from roadbed.core.errors import Conflict, NotFound, Unauthenticated, Unavailable
from roadbed.core.secret import Secret
from roadbed.identity import oidc
from roadbed.identity.relying import new_state
from tests.company import company_of, relying_party
from tests.idp import ADA, Browser, CanailleIdp, NodeIdp, approve_device, sign_in_at

BACK = "http://127.0.0.1:8321/console/callback"
GROUPS = ("openid", "profile", "groups")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with NodeIdp(tmp_path_factory.mktemp("node"), BACK, poll_seconds=1) as idp:
        yield idp


@pytest.fixture(scope="module")
def canaille(tmp_path_factory):
    with CanailleIdp(tmp_path_factory.mktemp("canaille"), BACK) as idp:
        yield idp


def redeem(relying, there, sign_in, again=False):
    """Sign in from one end to the other."""
    proof = oidc.proof_of(Secret("b" * 43), new_state())
    address = relying.authorization(there, proof, BACK, again=again)
    query = parse_qs(urlsplit(sign_in(address)).query)
    said = {name: values[0] for name, values in query.items()}
    return relying.redeem(there, said, proof, BACK)


def at_node(address):
    return sign_in_at(Browser(), address, BACK)


def test_oidc_provider_vouches_for_a_person(node):
    found = redeem(relying_party(), company_of(node.issuer), at_node)

    assert str(found.subject) == f"user:{node.issuer}#{ADA['sub']}"
    assert (found.subject.groups, found.methods) == ({"eng"}, {"pwd", "otp"})
    assert found.fresh_until_us > found.authenticated_us > 0


def test_canaille_vouches_for_a_person_who_typed_a_password(canaille):
    there = company_of(canaille.issuer, scopes=GROUPS)
    found = redeem(relying_party(), there, lambda a: canaille.sign_in(Browser(), a))

    assert str(found.subject) == f"user:{canaille.issuer}#ada"
    assert (found.subject.groups, found.methods) == ({"eng"}, {"pwd"})
    assert found.authenticated_us > 0


def test_a_token_without_an_audience_is_refused(canaille):
    """Canaille makes such tokens for a client that its own command created."""
    there = company_of(canaille.issuer, client_id="lax", scopes=GROUPS)

    with pytest.raises(Unauthenticated, match="another audience"):
        redeem(relying_party(), there, lambda a: canaille.sign_in(Browser(), a))


def test_plain_challenges_and_passwords_are_not_used_where_they_are_offered(canaille):
    relying, there = relying_party(), company_of(canaille.issuer, scopes=GROUPS)
    offered = relying.issuers.metadata(canaille.issuer).document
    proof = oidc.proof_of(Secret("b" * 43), "state")
    address = relying.authorization(there, proof, BACK, again=False)

    assert "plain" in offered["code_challenge_methods_supported"]
    assert "password" in offered["grant_types_supported"]
    assert "code_challenge_method=S256" in address


def test_a_provider_without_the_device_flow_is_said_to_have_none(canaille):
    with pytest.raises(Unavailable, match="device_authorization_endpoint"):
        relying_party().begin_device(company_of(canaille.issuer))


def test_a_wrong_secret_of_ours_gets_no_token(node):
    with pytest.raises(Unauthenticated, match="invalid_client"):
        redeem(relying_party("wrong"), company_of(node.issuer), at_node)


def test_a_refresh_token_is_good_until_it_is_revoked(node):
    relying, there = relying_party(), company_of(node.issuer)
    waiting = relying.begin_device(there)
    approve_device(Browser(), waiting.complete)
    first = relying.poll(there, waiting)
    second = relying.refresh(there, first.refresh_token)

    assert relying.prove(there, second).subject == relying.prove(there, first).subject
    assert relying.revoke(there, second.refresh_token)
    assert relying.refresh(there, second.refresh_token) is None


def test_a_token_for_the_console_is_none_for_the_command_line(node):
    relying, there = relying_party(), company_of(node.issuer)
    waiting = relying.begin_device(there)
    approve_device(Browser(), waiting.complete)
    tokens = relying.poll(there, waiting)
    elsewhere = company_of(node.issuer, device_client_id="roadbed")

    with pytest.raises(Unauthenticated, match="another audience"):
        relying.prove(elsewhere, tokens)


def test_without_a_client_for_it_nobody_logs_in_at_the_command_line(node):
    with pytest.raises(Conflict, match="without a client"):
        relying_party().begin_device(company_of(node.issuer, device_client_id=""))


def test_a_provider_that_is_not_there_is_unavailable():
    proof = oidc.proof_of(Secret("b" * 43), "state")
    with pytest.raises(Unavailable):
        relying_party().authorization(
            company_of("http://127.0.0.1:9"), proof, BACK, again=False
        )


def test_a_secret_that_is_missing_is_found_out_before_anything_is_sent(node):
    relying = relying_party()

    class Empty:
        def resolve(self, reference):
            raise NotFound("no such secret")

    with pytest.raises(NotFound):
        redeem(replace(relying, secrets=Empty()), company_of(node.issuer), at_node)
