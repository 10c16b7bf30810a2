"""Which addresses belong to the public internet, whatever they are dressed as."""

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_EMBEDS = ipaddress.ip_network("::/96")
_INNER = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b:1::/48", "fec0::/10", "192.0.0.0/24", "192.88.99.0/24")
)
"""Not for the public, though not every release of Python says so."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(text: str) -> bool:
    """Say whether the address *text* is one of the public internet.

    An IPv6 address that carries an IPv4 address is as public as the one it carries.
    What is no address is not public.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(map(_is_public, _unwrapped(address)))


def _is_public(address: Address) -> bool:
    inner = any(address in network for network in _INNER)
    return address.is_global and not address.is_multicast and not inner


def _unwrapped(address: Address) -> list[Address]:
    """Return *address* and every IPv4 address that it carries inside."""
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64 or address in _EMBEDS:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        carried = [one for one in inner if one is not None]
        return carried if address.ipv4_mapped else [*found, *carried]
    return found
