"""Keys that have several parts: found together, and renewed together."""

import asyncio

import pytest

from roadbed.adapters.providers.bedrock import Config
from roadbed.core.errors import Unavailable
from roadbed.core.secret import Bundle, Secret
from roadbed.transport.pool import Pool

PAIR = {
    "access_key_id": "secret://env/ID",
    "secret_access_key": "secret://env/SECRET",
}


class Rotating:
    """Secrets at hand, of which some have a newer value."""

    def __init__(self, **newer):
        self.newer = {f"secret://env/{name}": value for name, value in newer.items()}

    def resolve(self, reference):
        return Secret(f"old {reference}")

    def held(self, reference):
        return None if reference.endswith("SECRET") else self.resolve(reference)

    def renew(self, reference, refused):
        assert refused == self.resolve(reference)
        value = self.newer.get(reference)
        return Secret(value) if value else None


def pool(**newer):
    return Pool(Config(region="eu-central-1", **PAIR), Rotating(**newer))


def test_the_parts_of_a_key_come_in_the_order_of_their_references():
    key = asyncio.run(pool().key())

    assert [part.reveal() for part in key.parts] == [
        "old secret://env/ID",
        "old secret://env/SECRET",
    ]


def test_a_key_of_which_one_part_was_rotated_is_another_key():
    refused = asyncio.run(pool().key())

    other = asyncio.run(pool(SECRET="new").other_key(refused))

    assert [part.reveal() for part in other.parts] == ["old secret://env/ID", "new"]


def test_a_key_that_was_not_rotated_is_not_tried_again():
    refused = asyncio.run(pool().key())

    assert asyncio.run(pool().other_key(refused)) is None
    assert asyncio.run(pool().other_key(None)) is None


def test_a_part_that_cannot_stand_in_a_header_is_refused_unseen():
    refused = asyncio.run(pool().key())

    with pytest.raises(Unavailable) as raised:
        asyncio.run(pool(ID="canary\r\nX-Evil: 1").other_key(refused))

    assert "secret://env/ID" in raised.value.message
    assert "canary" not in f"{raised.value!r} {raised.value.hint}"


def test_a_bundle_shows_none_of_its_parts():
    bundle = Bundle(Secret("canary-one"), Secret("canary-two"))

    assert "canary" not in f"{bundle} {bundle!r} {bundle.parts}"
