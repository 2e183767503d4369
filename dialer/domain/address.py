"""Which network addresses an outgoing webhook may be sent to; what its URL must look like is `registration`'s."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from dialer.errors import shown

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

#: Kept for protocols; older Pythons take parts of it for public.
_PROTOCOLS = ip_network("192.0.0.0/24")
#: Prefixes under which an IPv6 address stands for an IPv4 one: NAT64's two, and the old "compatible" form.
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("::/96"))


def parse_network(text: str) -> Network:
    """`10.0.0.0/8`, `127.0.0.1`, `fd00::/8`; ValueError otherwise."""
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{shown(text)}: expected an address or a network, such as 10.1.2.3 or 10.0.0.0/8") from None


def is_allowed(address: str, allowed: Iterable[Network]) -> bool:
    """Whether the configuration names this network address, or the IPv4 one that it is another spelling of."""
    one = ip_address(address)
    mapped = one.ipv4_mapped if isinstance(one, IPv6Address) else None
    return any(each in network for each in (one, mapped) if each is not None for network in allowed)


def is_public(address: str) -> bool:
    """Whether this network address, and every other one that it may stand for, is one of the open internet."""
    one = ip_address(address)
    return all(_is_public(each) for each in (one, *_behind(one)))


def _is_public(one: _Address) -> bool:
    if one in _PROTOCOLS:
        return False
    closed = one.is_private or one.is_loopback or one.is_link_local or one.is_multicast or one.is_unspecified
    return one.is_global and not (closed or one.is_reserved or getattr(one, "is_site_local", False))


def _behind(one: _Address) -> list[IPv4Address]:
    """IPv4 addresses that a router or a translator makes of it."""
    if isinstance(one, IPv4Address):
        return []
    found = [one.ipv4_mapped, one.sixtofour, *(one.teredo or ())]
    if any(one in prefix for prefix in _TRANSLATED):
        found.append(IPv4Address(int(one) & 0xFFFFFFFF))
    return [each for each in found if each is not None]
