"""A proof of possession is for one request, one token, one moment, and one use."""

import pytest

from roadbed.core.errors import Unauthenticated
from roadbed.identity.dpop import WINDOW_US, Bound, Possession, check_possession
from tests.issuers import SECOND
from tests.possession import Holder
from tests.principals import NOW

BASE = "https://us.example"


@pytest.fixture
def possession():
    return Possession(BASE, lambda: NOW)


@pytest.fixture
def holder():
    return Holder()


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_who_holds_the_key_is_known_by_its_thumbprint(possession, algorithm):
    holder = Holder(algorithm)
    proof = holder.proof("GET", f"{BASE}/x", NOW, "token")

    assert possession.thumbprint(proof, "GET", "/x", "token") == holder.thumbprint


@pytest.mark.parametrize(
    "changed",
    [
        {"htm": "POST"},
        {"htm": ...},
        {"htm": "get"},
        {"htu": f"{BASE}/y"},
        {"htu": "https://elsewhere.example/x"},
        {"htu": "http://us.example/x"},
        {"htu": ...},
        {"htu": 7},
        {"htu": "https://["},
        {"ath": ...},
        {"ath": "x"},
        {"iat": NOW // SECOND - 61},
        {"iat": NOW // SECOND + 61},
        {"iat": str(NOW // SECOND)},
        {"iat": ...},
        {"jti": ...},
        {"jti": ""},
        {"jti": 7},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": ...}},
        {"header": {"alg": "HS256"}},
        {"header": {"alg": "none"}},
        {"header": {"jwk": ...}},
        {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
        {"header": {"jwk": Holder().jwk}},
        {"header": {"jwk": Holder().key.as_dict(private=True)}},
        {"header": {"crit": ["x"]}},
    ],
)
def test_a_proof_of_anything_else_is_refused(possession, holder, changed):
    proof = holder.proof("GET", f"{BASE}/x", NOW, "token", **changed)

    with pytest.raises(Unauthenticated, match="refused"):
        possession.thumbprint(proof, "GET", "/x", "token")


def test_a_proof_is_good_once(possession, holder):
    proof = holder.proof("GET", f"{BASE}/x", NOW)
    possession.thumbprint(proof, "GET", "/x")

    with pytest.raises(Unauthenticated, match="used before"):
        possession.thumbprint(proof, "GET", "/x")


def test_memory_of_proofs_is_bounded_and_never_lets_one_pass_twice(holder, monkeypatch):
    monkeypatch.setattr("roadbed.identity.dpop.REMEMBERED", 3)
    moments = [NOW]
    possession = Possession(BASE, lambda: moments[0])
    proofs = [holder.proof("GET", f"{BASE}/x", NOW) for _ in range(4)]
    for proof in proofs[:3]:
        possession.thumbprint(proof, "GET", "/x")
    for proof in proofs:
        with pytest.raises(Unauthenticated, match="used before"):
            possession.thumbprint(proof, "GET", "/x")
    moments[0] = NOW + 3 * WINDOW_US
    later = holder.proof("GET", f"{BASE}/x", moments[0])

    assert possession.thumbprint(later, "GET", "/x") == holder.thumbprint


def test_a_request_without_a_proof_shows_its_token_and_nothing_else(possession):
    assert possession.shown("Bearer abc", "", "GET", "/x") == "abc"
    assert possession.shown("Basic abc", "", "GET", "/x") == ""
    assert possession.shown("", "", "GET", "/x") == ""
    with pytest.raises(Unauthenticated):
        check_possession(possession.shown("DPoP abc", "", "GET", "/x"), "")


def test_a_bound_token_needs_its_own_key():
    mine = Bound.of("abc", thumbprint="one")
    check_possession(mine, "one")
    check_possession(mine, "")
    check_possession("abc", "")

    for token in ("abc", mine, Bound.of("abc")):
        with pytest.raises(Unauthenticated, match="bound to a key"):
            check_possession(token, "two")
