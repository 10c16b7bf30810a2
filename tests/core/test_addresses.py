"""Addresses are public or they are not, whatever they are dressed as."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.addresses import is_public

INNER = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"]


@pytest.mark.parametrize(
    "address",
    [
        *INNER,
        *("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "::1"),
        *("fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe"),
        *("64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "ff02::1"),
        *("::127.0.0.1", "fec0::1", "2001:db8::1", "100::1", "192.0.2.1"),
        *("198.18.0.1", "240.0.0.1", "192.0.0.8", "not an address", "", "1.1.1.1:80"),
    ],
)
def test_what_is_not_public_is_known(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111"])
def test_what_is_public_is_known(address):
    assert is_public(address)


@given(st.sampled_from(INNER), st.sampled_from(["::ffff:", "::", "64:ff9b::"]))
def test_an_inner_address_stays_inner_inside_another(address, prefix):
    assert not is_public(f"{prefix}{address}")


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_as_public_as_the_plain_one(address):
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")

    assert is_public(str(mapped)) == is_public(str(address))
