"""Keys that everybody knows are no keys."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from roadbed.core.weak import is_example

RFC_8032 = {
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60": "d75a9801",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb": "3d4017c3",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7": "fc51cd8e",
}


@pytest.mark.parametrize("seed", RFC_8032)
def test_the_keys_of_the_standard_are_examples(seed):
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))

    assert key.public_key().public_bytes_raw().hex().startswith(RFC_8032[seed])
    assert is_example(bytes.fromhex(seed))


@pytest.mark.parametrize("secret", [bytes(32), b"a" * 32, bytes(range(32)), b"ab" * 16])
def test_bytes_without_any_chance_are_examples(secret):
    assert is_example(secret)


def test_random_bytes_are_none():
    assert not any(is_example(os.urandom(32)) for _ in range(1000))
