"""Envelopes are read as DSSE spells them, and one changed bit breaks them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.adapters.signers.local import LocalSigners
from roadbed.core.errors import Invalid
from roadbed.registry.proof.envelope import (
    Envelope,
    from_pem,
    pae,
    public_key,
    to_der,
    to_pem,
)


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """An envelope, and the key that signed it."""
    signers = LocalSigners(tmp_path_factory.mktemp("keys"))
    jwk = signers.create()
    payload = b'{"_type":"x"}'
    kind = "application/vnd.in-toto+json"
    signature = to_der(signers.sign(jwk["kid"], pae(kind, payload)))
    made = Envelope(payload=payload, kid=jwk["kid"], signature=signature)
    return made, public_key(jwk)


def test_what_is_signed_is_what_the_standard_says():
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_survives_writing_and_reading(signed):
    made, key = signed

    read = Envelope.read(made.data())
    assert read == made
    assert read.signed_by(key)
    assert read.statement == {"_type": "x"}


def test_a_key_survives_pem(signed):
    made, key = signed

    assert made.signed_by(from_pem(to_pem(key)))


def test_another_kind_of_payload_is_not_what_was_signed(signed):
    made, key = signed
    told = made.content() | {"payloadType": "text/plain"}

    assert not Envelope.read(json.dumps(told).encode()).signed_by(key)


@settings(max_examples=40)
@given(data=st.data())
def test_no_flipped_bit_of_the_payload_is_believed(signed, data):
    made, key = signed
    at = data.draw(st.integers(0, len(made.payload) * 8 - 1))
    forged = bytearray(made.payload)
    forged[at // 8] ^= 1 << at % 8

    other = Envelope(payload=bytes(forged), kid=made.kid, signature=made.signature)
    assert not other.signed_by(key)


@settings(max_examples=40)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_else_is_refused_in_words(data):
    with pytest.raises(Invalid, match="no DSSE envelope"):
        Envelope.read(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["payload", "payloadType", "signatures", "sig"]), inner
        )
    ),
)


@settings(max_examples=40)
@given(JSON)
def test_no_json_makes_reading_fail_otherwise(value):
    try:
        Envelope.read(json.dumps(value).encode())
    except Invalid as error:
        assert "DSSE" in error.message


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_what_is_no_key_is_refused_in_words(text):
    with pytest.raises(Invalid, match="no public key"):
        from_pem(text)
