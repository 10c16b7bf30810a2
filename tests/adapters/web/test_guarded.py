"""Addresses that others chose never lead into our own network."""

import pytest

from roadbed.adapters.web.guarded import GuardedWeb, is_public
from roadbed.core.errors import Invalid
from roadbed.testing.web_contract import WebContract


class TestGuarded(WebContract):
    @pytest.fixture
    def make(self):
        return GuardedWeb


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "::1"),
        *("fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "not an address"),
    ],
)
def test_what_is_not_public_is_known(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111"])
def test_what_is_public_is_known(address):
    assert is_public(address)


def test_one_inner_address_among_public_ones_is_enough_to_refuse():
    web = GuardedWeb(resolve=lambda host, port: ["1.1.1.1", "10.0.0.1"])

    with pytest.raises(Invalid, match="inside a private network"):
        web.get("https://rebinding.example/")


def test_a_name_is_resolved_once():
    asked = []

    def resolve(host, port):
        asked.append(host)
        return ["10.0.0.1"] if len(asked) > 1 else ["192.0.2.1"]

    with pytest.raises(Invalid):
        GuardedWeb(resolve=resolve).get("https://rebinding.example/")
    assert asked == ["rebinding.example"]
