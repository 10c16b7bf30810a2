"""Issuers: asked when they must be, believed for a while, and never for ever."""

import pytest

from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.core.errors import Unavailable
from roadbed.identity.issuers import (
    DISCOVERY,
    FRESH_US,
    PATIENCE_US,
    STALE_US,
    Issuers,
    Metadata,
)
from tests.issuers import Minter, made_key, publishing
from tests.principals import NOW


class Time:
    def __init__(self):
        self.now_us = NOW

    def __call__(self):
        return self.now_us


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def minter():
    return Minter()


@pytest.fixture
def asked(minter):
    with publishing(minter, "/tenant") as asked:
        yield asked


@pytest.fixture
def issuers(time):
    return Issuers(GuardedWeb(["127.0.0.1"]), time)


def test_an_issuer_is_asked_once_for_its_keys(minter, asked, issuers):
    for _ in range(3):
        assert set(issuers.keys(minter.issuer, "one")) == {"one"}

    assert asked == [f"/tenant{DISCOVERY}", "/tenant/jwks"]


def test_a_new_key_is_found_at_once_and_strangers_cannot_make_us_ask(
    minter, asked, issuers, time
):
    issuers.keys(minter.issuer)
    minter.kid, minter.key = "two", made_key(kid="two")
    time.now_us += PATIENCE_US
    found = issuers.keys(minter.issuer, "two")
    for name in ("x", "y", "z"):
        issuers.keys(minter.issuer, name)

    assert set(found) == {"two"}
    assert asked.count("/tenant/jwks") == 2


def test_a_withdrawn_key_is_believed_for_ten_minutes_at_most(
    minter, asked, issuers, time
):
    issuers.keys(minter.issuer)
    minter.kid, minter.key = "two", made_key(kid="two")
    time.now_us += FRESH_US

    assert set(issuers.keys(minter.issuer, "two")) == {"two"}


def test_an_issuer_that_is_away_is_believed_for_an_hour_and_no_longer(time):
    minter = Minter()
    issuers = Issuers(GuardedWeb(["127.0.0.1"]), time)
    with publishing(minter):
        issuers.keys(minter.issuer)
    time.now_us += STALE_US - 1
    kept = issuers.keys(minter.issuer)
    time.now_us += PATIENCE_US

    assert set(kept) == {"one"}
    for reason in ("cannot be reached", "a moment ago"):
        with pytest.raises(Unavailable, match=reason):
            issuers.keys(minter.issuer)


def test_who_calls_itself_otherwise_is_not_believed(minter, asked, issuers):
    name, minter.issuer = minter.issuer, "https://somebody.else"

    with pytest.raises(Unavailable, match="calls itself otherwise"):
        issuers.metadata(name)


def test_an_answer_that_is_none_is_said_to_be_none(minter, asked, issuers):
    with pytest.raises(Unavailable, match="404"):
        issuers.metadata(minter.issuer + "/nowhere")
    minter.key = made_key("ES256", kid="")
    with pytest.raises(Unavailable, match="no key that can be used"):
        issuers.keys(minter.issuer)


def test_an_issuer_inside_our_network_is_not_asked(minter, asked, time):
    with pytest.raises(Unavailable, match="without TLS"):
        Issuers(GuardedWeb(), time).keys(minter.issuer)

    assert asked == []


def test_no_endpoint_is_a_step_down_from_tls():
    told = {"token_endpoint": "http://issuer.example/t", "jwks_uri": "https://a.b/j"}
    metadata = Metadata(issuer="https://issuer.example", document=told)

    assert metadata.endpoint("jwks_uri") == "https://a.b/j"
    for name in ("token_endpoint", "device_authorization_endpoint"):
        with pytest.raises(Unavailable, match=name):
            metadata.endpoint(name)
